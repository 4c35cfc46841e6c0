-- Where money went: settled costs by tenant, route and model of each month-like period, and by run.
-- Both are bounded: beyond it, new combinations are booked under "other", and the runs that were
-- used longest ago are forgotten.
local totals, runs

function spend.begin()
  totals, runs = {}, {}
end

local function period_first()
  local kind = ledger.policy().period
  return kind > 0 and ledger.period(kind).first or 0
end

--- `line` is "route TAB model TAB run" as the release tells it, "" for what nobody tells.
function spend.book(tenant, line, cost)
  if cost <= 0 then
    return
  end
  local where, run = string.match(line, '^([^\t]*\t[^\t]*)\t?(.*)$')
  local field = string.format('%.0f\t%s\t%s', period_first(), tenant, where or '\t')
  totals[field] = (totals[field] or 0) + cost
  if run and run ~= '' then
    local name = tenant .. '\t' .. run
    runs[name] = (runs[name] or 0) + cost
  end
end

local function bounded(field)
  if redis.call('HLEN', key_spend) < SPEND.most or redis.call('HEXISTS', key_spend, field) == 1 then
    return field
  end
  return string.match(field, '^[^\t]*\t') .. 'other\tother\tother'
end

local function forget_oldest()
  local over = redis.call('ZCARD', key_spend_runs) - SPEND.runs
  if over > 0 then
    local oldest = redis.call('ZRANGE', key_spend_runs, 0, math.min(over, SPEND.forget) - 1)
    redis.call('HDEL', key_run_spend, unpack(oldest))
    redis.call('ZREM', key_spend_runs, unpack(oldest))
  end
end

--- Sums stop where numbers end, rather than fail half-way through a commit.
local function add(key, field, cost)
  local sum = tonumber(redis.call('HGET', key, field) or 0) or 0
  redis.call('HSET', key, field, string.format('%.0f', math.min(sum + cost, LEDGER.most)))
end

function spend.commit()
  for field, cost in pairs(totals) do
    add(key_spend, bounded(field), cost)
  end
  if next(runs) then
    for name, cost in pairs(runs) do
      add(key_run_spend, name, cost)
      redis.call('ZADD', key_spend_runs, cell.now, name)
    end
    forget_oldest()
  end
end
