-- Rule: in-flight requests per (pool, model) are counted for whoever reads `concurrency:*`.
-- It refuses nothing.
--- @charged-by-runs
local delta -- model number -> change by this batch

function model_count.begin()
  delta = {}
end

--- `by` more leases of the model.
function model_count.count(model, by)
  delta[model] = (delta[model] or 0) + by
end

function model_count.charge(lease)
  model_count.count(lease[LEASE.model], 1)
end

--- Most leases that end together are of one model.
function model_count.settle_all(ended, _, _, n)
  local model, count = false, 0
  for i = 1, n do
    local other = ended[i][LEASE.model]
    if other ~= model then
      if model then
        model_count.count(model, -count)
      end
      model, count = other, 0
    end
    count = count + 1
  end
  if model then
    model_count.count(model, -count)
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
