-- The view of requests: what the store says of the ids that this batch names (by the number of
-- their first operation, their slot), under what the batch has changed.
local held = {} -- slot -> lease, DROPPED, or false; nil for an id that was made just now
requests.held = held
local blanks = {} -- slot -> the table of its lease, which every batch fills anew
local DROPPED = { false, false, false, false, false } -- a lease that answers to no fence
requests.dropped = DROPPED
local puts, put_count, drops, drop_count = {}, 0, {}, 0 -- kept lists, see operations.lua
local asides, strays
local changed -- id without a slot -> its lease as this batch has left it; false for none
local read_lease, fill_plain = records.read_lease, records.fill_plain

function requests.begin()
  asides, strays, changed = {}, {}, false
  put_count, drop_count = 0, 0
end

--- A record that cannot be decoded is set aside: nobody frees its slot, the audit names it.
local function set_aside(id, raw)
  if id ~= SENTINEL.name then
    asides[#asides + 1], asides[#asides + 2] = id, raw
    strays[#strays + 1] = id
  end
  return false
end

requests.set_aside = set_aside

--- Reads the records of the first `count` of `ids`.
function requests.load(slots, ids, count)
  local most = operations.count()
  for slot = #blanks + 1, most do
    blanks[slot] = {}
  end
  for slot = 1, most do
    held[slot] = nil
  end
  if count == 0 then
    return
  end
  local raws = redis.call('HMGET', key_requests, unpack(ids, 1, count))
  for i = 1, count do
    local raw, slot = raws[i], slots[ids[i]]
    local lease = raw and read_lease(raw, blanks[slot])
    if raw and not lease and held[slot] == nil then
      set_aside(ids[i], raw)
    end
    held[slot] = lease
  end
end

--- The lease that the id of a slot holds, or false.
function requests.get(slot)
  local lease = held[slot]
  return lease ~= DROPPED and lease or false
end

--- Whether this batch has ended what the slot held.
function requests.is_dropped(slot)
  return held[slot] == DROPPED
end

--- The lease of an id that another structure names: `raw` is its stored record.
function requests.look_up(id, raw)
  local slot = operations.slot(id)
  if slot then
    return requests.get(slot)
  end
  return not finished.known(id)
    and (changed and changed[id] or raw and (read_lease(raw, {}) or set_aside(id, raw)))
end

--- The table of a lease that begins under an id of this slot, if it has one.
function requests.blank(slot)
  return slot and blanks[slot] or {}
end

--- A lease under no terms begins under the id, which has a slot; returns it.
function requests.begin_plain(op, id, slot, model, fence, account)
  local lease = blanks[slot]
  held[slot] = lease
  local raw = fill_plain(lease, operations.batch, op, model, fence, cell.now, account)
  local n = put_count + 2
  puts[n - 1], puts[n], put_count = id, raw, n
  return lease
end

--- `lease` is held under `id`, which has a slot unless another structure named it.
function requests.put(id, slot, lease)
  if slot then
    held[slot] = lease
  end
  puts[put_count + 1], puts[put_count + 2] = id, lease[LEASE.raw]
  put_count = put_count + 2
end

--- A lease that is held has changed: whoever looks at it again in this batch sees that.
function requests.change(id, slot, lease)
  changed = changed or {}
  changed[id] = lease
  requests.put(id, slot, lease)
end

--- Nothing is held under `id` any more, nor again in this batch: drops are written after puts.
function requests.drop(id, slot)
  if slot then
    held[slot] = DROPPED
  else
    finished.note(id, END.released)
  end
  drop_count = drop_count + 1
  drops[drop_count] = id
end

--- The same for the first `n` of `ids`; their slots were told already (requests.dropped).
function requests.drop_all(ids, n)
  local words, from = drops, drop_count
  for i = 1, n do
    words[from + i] = ids[i]
  end
  drop_count = from + n
end

--- Nothing is held under `id` any more, but its request goes on.
function requests.forget(id, slot)
  requests.drop(id, slot)
  if slot then
    held[slot] = false
  end
end

--- Returns how many records were set aside. An id that was put and dropped in one batch ends
--- dropped: nothing begins again under an id that has ended.
function requests.commit()
  commit.write('HSET', key_set_aside, asides)
  commit.write('HDEL', key_requests, strays)
  commit.write('HSET', key_requests, puts, put_count)
  commit.write('HDEL', key_requests, drops, drop_count)
  return #asides / 2
end
