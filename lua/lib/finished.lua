-- How requests ended (END): ids of callers are remembered for a while after their end, in two
-- generations. Nothing is asked or kept of ids that were made just now.
local ended -- id -> how it ended, as far as this batch knows
local ends -- words of the commit

function finished.begin()
  ended, ends = {}, {}
end

--- Reads how the first `count` of `ids` ended.
function finished.load(ids, count)
  if count == 0 then
    return
  end
  local younger = redis.call('HMGET', key_finished, unpack(ids, 1, count))
  local older = redis.call('HMGET', key_finished_before, unpack(ids, 1, count))
  for i = 1, count do
    local how = younger[i] or older[i]
    if how then
      ended[ids[i]] = how
    end
  end
end

--- How the id ended, as far as it was read or noted.
function finished.known(id)
  return ended[id]
end

--- How the id of an acquire ended before, or nil.
function finished.of(id, slot)
  return ended[id] or requests.is_dropped(slot) and END.released or nil
end

--- The same for the id of any operation: reads the store where it must.
function finished.find(id, slot)
  if not ended[id] then
    finished.load({ id }, 1)
  end
  return finished.of(id, slot)
end

--- For the rest of this batch.
function finished.note(id, how)
  ended[id] = how
end

--- For a while.
function finished.remember(id, how)
  ends[#ends + 1] = id
  ends[#ends + 1] = how
  ended[id] = how
end

--- The younger generation grows old by time or by number; the older one is forgotten.
local function rotate()
  if cell.now < cell.rotate_at and redis.call('HLEN', key_finished) < head.remember_max then
    return
  end
  redis.call('UNLINK', key_finished_before)
  redis.call('RENAME', key_finished, key_finished_before)
  redis.call('HSET', key_finished, SENTINEL.name, 0)
  cell.rotate_next(cell.now + head.remember_ms)
end

function finished.commit()
  if #ends > 0 then
    redis.call('HSET', key_finished, unpack(ends))
    rotate()
  end
end
