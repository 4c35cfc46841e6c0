-- Which request owns a lane: read once in a batch, written once at its end. What ownership means is
-- lanes.lua's.
local known, changed -- lane -> its owner, or false; lanes whose owner is another one now

function lane_owners.begin()
  known, changed = {}, {}
end

--- Reads the owners of these lanes in one command.
function lane_owners.load(lanes_named)
  if #lanes_named == 0 then
    return
  end
  local owners = redis.call('HMGET', key_lanes, unpack(lanes_named))
  for i = 1, #lanes_named do
    known[lanes_named[i]] = owners[i]
  end
end

--- The id of the owner, or false.
function lane_owners.get(lane)
  local owner = known[lane]
  if owner == nil then
    owner = redis.call('HGET', key_lanes, lane)
    known[lane] = owner
  end
  return owner
end

--- `owner` is an id, or false where the lane is free.
function lane_owners.set(lane, owner)
  if lane_owners.get(lane) ~= owner then
    known[lane], changed[lane] = owner, true
  end
end

--- The lane that the request owns, or nil; looks at all lanes.
function lane_owners.find(id)
  lane_owners.commit()
  local all = redis.call('HGETALL', key_lanes)
  for i = 1, #all, 2 do
    if all[i + 1] == id then
      return all[i]
    end
  end
end

function lane_owners.commit()
  local owned, free = {}, {}
  for lane in pairs(changed) do
    if known[lane] then
      owned[#owned + 1], owned[#owned + 2] = lane, known[lane]
    else
      free[#free + 1] = lane
    end
  end
  changed = {}
  commit.write('HSET', key_lanes, owned)
  commit.write('HDEL', key_lanes, free)
end
