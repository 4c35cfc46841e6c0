-- Rule: in-flight requests per (pool, model) are counted for whoever reads `concurrency:*`.
-- It refuses nothing.
local delta -- model number -> change by this batch

function model_count.begin()
  delta = {}
end

function model_count.charge(lease)
  local model = lease[LEASE.model]
  delta[model] = (delta[model] or 0) + 1
end

function model_count.settle(lease)
  local model = lease[LEASE.model]
  delta[model] = (delta[model] or 0) - 1
end

function model_count.commit()
  for model, by in pairs(delta) do
    if by ~= 0 then
      redis.call('INCRBY', key_concurrency(model), by)
    end
  end
end
