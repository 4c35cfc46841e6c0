-- The view of requests: what the store says of the ids that this batch names (by the number of
-- their first operation, their slot), under what the batch has changed. Leases that the heart has
-- granted itself stay in memory while nobody else has written (lib/memory.lua): most releases read
-- nothing.
local held = {} -- slot -> lease, DROPPED, or false; nil for an id that was made just now
requests.held = held
local own, remembered -- of this cell; id -> lease
local DROPPED = { false, false, false, false, false } -- a lease that answers to no fence
requests.dropped = DROPPED
local puts, put_count, drops, drop_count = {}, 0, {}, 0 -- kept lists, see operations.lua
local read_lease = records.read_lease

function requests.begin()
  put_count, drop_count = 0, 0
end

--- About as many as memory may hold are remembered; then all are forgotten.
local function remember()
  own = memory.of('requests', memory.epoch)
  if not own.leases or own.count > MEMORY.leases then
    own.leases, own.count = {}, 0
  end
  remembered = own.leases
end

local function read(slots, ids)
  local raws = redis.call('HMGET', key_requests, unpack(ids))
  for i = 1, #ids do
    local raw, slot = raws[i], slots[ids[i]]
    local lease = raw and read_lease(raw)
    if raw and not lease and held[slot] == nil then
      asides.put(ids[i], raw)
    end
    held[slot] = lease
  end
end

--- Finds the leases of the first `count` of `ids`.
function requests.load(slots, ids, count)
  remember()
  for slot = 1, operations.count() do
    held[slot] = nil
  end
  local strangers
  for i = 1, count do
    local id = ids[i]
    local lease = remembered[id]
    if lease then
      held[slots[id]] = lease
    else
      strangers = strangers or {}
      strangers[#strangers + 1] = id
    end
  end
  if strangers then
    read(slots, strangers)
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
    and (remembered[id] or raw and (read_lease(raw) or asides.put(id, raw)))
end

--- For a run of leases that begin: leases by id, the words of the commit, and how many; it appends
--- ids and records, and tells by `close` how many words there are then.
function requests.open()
  return remembered, puts, put_count
end

function requests.close(n)
  put_count = n
end

--- `lease` is held under `id`, which has a slot unless another structure named it.
function requests.put(id, slot, lease)
  if slot then
    held[slot] = lease
  end
  remembered[id] = lease
  puts[put_count + 1], puts[put_count + 2] = id, lease[LEASE.raw]
  put_count = put_count + 2
end

--- Nothing is held under `id` any more, nor again in this batch: drops are written after puts.
function requests.drop(id, slot)
  if slot then
    held[slot] = DROPPED
  else
    finished.note(id, END.released)
  end
  remembered[id] = nil
  drop_count = drop_count + 1
  drops[drop_count] = id
end

--- The same for the first `n` of `ids`; their slots were told already (requests.dropped).
function requests.drop_all(ids, n)
  local words, from = drops, drop_count
  for i = 1, n do
    local id = ids[i]
    words[from + i], remembered[id] = id, nil
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

--- An id that was put and dropped in one batch ends dropped: nothing begins again under an id that has
--- ended.
function requests.commit()
  commit.write('HSET', key_requests, puts, put_count)
  commit.write('HDEL', key_requests, drops, drop_count)
  own.count = own.count + put_count / 2 - drop_count
end
