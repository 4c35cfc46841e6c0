-- What an audit asks of lanes: one holder at most, and no owner that is gone. Writes nothing.
local holders = {} -- lane -> leases on it

function lane_check.begin()
  holders = {}
end

--- One lease of all.
function lane_check.see(id, lease)
  if lease[LEASE.flags] >= ACQUIRE.lane then
    local lane = string.match(id, '^[^/]*') .. '/' .. string.sub(charges.session(lease), 2)
    holders[lane] = (holders[lane] or 0) + 1
  end
end

--- All of them were seen.
function lane_check.run(each, compare)
  for lane, count in pairs(holders) do
    compare('lane', lane, 1, count)
  end
  each(key_lanes, function(lane, owner)
    local lives = redis.call('HEXISTS', key_requests, owner) + redis.call('HEXISTS', key_waiters, owner)
    compare('lane_owner', lane, 1, math.min(1, lives))
  end)
end
