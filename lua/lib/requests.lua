-- The view of requests: what the store says of the ids that this batch names (by the number of
-- their first operation, their slot), under what the batch has changed.
local held -- slot -> lease, false, or DROPPED; nil for an id that was made just now
local ended -- id -> how it ended (END), as far as it is known
local puts, drops, ends, asides, strays
local DROPPED = 0

function requests.begin()
  held, ended, puts, drops, ends, asides, strays = {}, {}, {}, {}, {}, {}, {}
end

--- A record that cannot be decoded is set aside: nobody frees its slot, the audit names it.
local function learn(id, raw)
  local lease = raw and records.read_lease(raw)
  if raw and not lease and id ~= SENTINEL.name then
    asides[#asides + 1], asides[#asides + 2] = id, raw
    strays[#strays + 1] = id
  end
  return lease
end

local function learn_ends(ids)
  local younger = redis.call('HMGET', key_finished, unpack(ids))
  local older = redis.call('HMGET', key_finished_before, unpack(ids))
  for i = 1, #ids do
    local how = younger[i] or older[i]
    if how then
      ended[ids[i]] = how
    end
  end
end

--- Reads the records of `ids`, and how `acquired` ones ended; the accounts of the leases as well.
function requests.load(ids, acquired)
  if #ids == 0 then
    return
  end
  local raws, names = redis.call('HMGET', key_requests, unpack(ids)), {}
  for i = 1, #ids do
    local slot = operations.slot(ids[i])
    if held[slot] == nil then
      local lease = learn(ids[i], raws[i])
      held[slot] = lease
      names[#names + 1] = lease and lease[LEASE.account] or nil
    end
  end
  if #acquired > 0 then
    learn_ends(acquired)
  end
  accounts.load(names)
end

--- The lease that the id of a slot holds, or false.
function requests.get(slot)
  local lease = held[slot]
  return lease ~= DROPPED and lease or false
end

--- The lease of an id that another structure names: `raw` is its stored record.
function requests.look_up(id, raw)
  local slot = operations.slot(id)
  if slot then
    return requests.get(slot)
  end
  return not ended[id] and learn(id, raw)
end

--- How an acquired id ended before, or nil.
function requests.ended(id, slot)
  return ended[id] or held[slot] == DROPPED and END.released or nil
end

--- The same for the id of any operation: reads the store where it must.
function requests.find_ended(id, slot)
  if not ended[id] then
    learn_ends({ id })
  end
  return requests.ended(id, slot)
end

--- `lease` is held under `id`, which has a slot unless another structure named it.
function requests.put(id, slot, lease)
  if slot then
    held[slot] = lease
  end
  puts[#puts + 1] = id
  puts[#puts + 1] = lease[LEASE.raw]
end

--- Nothing is held under `id` any more, nor again in this batch: drops are written after puts.
function requests.drop(id, slot)
  if slot then
    held[slot] = DROPPED
  else
    ended[id] = END.released
  end
  drops[#drops + 1] = id
end

--- How the request ended is remembered for a while.
function requests.remember(id, how)
  ends[#ends + 1] = id
  ends[#ends + 1] = how
  ended[id] = how
end

--- The younger generation grows old by time or by number; the older one is forgotten.
local function rotate_finished()
  if cell.now < cell.rotate_at and redis.call('HLEN', key_finished) < head.remember_max then
    return
  end
  redis.call('UNLINK', key_finished_before)
  redis.call('RENAME', key_finished, key_finished_before)
  redis.call('HSET', key_finished, SENTINEL.name, 0)
  cell.rotate_next(cell.now + head.remember_ms)
end

--- Returns how many records were set aside. An id that was put and dropped in one batch ends
--- dropped: nothing begins again under an id that has ended.
function requests.commit()
  commit.write('HSET', key_set_aside, asides)
  commit.write('HDEL', key_requests, strays)
  commit.write('HSET', key_requests, puts)
  commit.write('HDEL', key_requests, drops)
  if #ends > 0 then
    redis.call('HSET', key_finished, unpack(ends))
    rotate_finished()
  end
  return #asides / 2
end
