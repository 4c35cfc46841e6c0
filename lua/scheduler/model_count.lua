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

function model_count.settle_all(ended, _, _, n)
  for i = 1, n do
    local model = ended[i][LEASE.model]
    delta[model] = (delta[model] or 0) - 1
  end
end

function model_count.commit()
  for model, by in pairs(delta) do
    -- A record may be readable and still name a model that never was.
    if by ~= 0 and model < concurrency_count then
      redis.call('INCRBY', key_concurrency(model), decimals.of(by))
    end
  end
end
