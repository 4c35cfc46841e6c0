-- Where money went: settled costs by tenant, route and model of each month-like period, and by run.
-- Both are bounded: beyond it, new combinations are booked under "other", and the runs that were
-- used longest ago are forgotten.
local totals, runs -- where -> tenant -> cost of this batch; "tenant TAB run" -> cost

function spend.begin()
  totals, runs = {}, {}
end

--- `place` is where the release tells to book it (lib/uses.lua). Less than 0 takes back.
function spend.book(tenant, place, cost)
  if cost == 0 then
    return
  end
  local sums = totals[place.where]
  if not sums then
    sums = {}
    totals[place.where] = sums
  end
  sums[tenant] = (sums[tenant] or 0) + cost
  if place.run ~= '' then
    local name = tenant .. '\t' .. place.run
    runs[name] = (runs[name] or 0) + cost
  end
end

--- Sums stop where numbers end, rather than fail half-way through a commit.
local function add(key, fields, costs)
  if #fields == 0 then
    return
  end
  local sums, words = redis.call('HMGET', key, unpack(fields)), {}
  for i = 1, #fields do
    local sum = (tonumber(sums[i]) or 0) + costs[i]
    words[2 * i - 1] = fields[i]
    words[2 * i] = string.format('%d', math.max(0, math.min(sum, LEDGER.most)))
  end
  redis.call('HSET', key, unpack(words))
end

--- Takes out what there is no room for; returns its cost.
local function take_overflow(fields, costs)
  local room, cost = SPEND.most - redis.call('HLEN', key_spend), 0
  if #fields <= room then
    return 0
  end
  for i = #fields, 1, -1 do
    if redis.call('HEXISTS', key_spend, fields[i]) == 0 then
      if room <= 0 then
        cost = cost + table.remove(costs, i)
        table.remove(fields, i)
      end
      room = room - 1
    end
  end
  return cost
end

local function commit_totals()
  local kind, fields, costs = ledger.policy().period, {}, {}
  local period = string.format('%.0f\t', kind > 0 and ledger.period(kind).first or 0)
  for where, sums in pairs(totals) do
    for tenant, cost in pairs(sums) do
      fields[#fields + 1], costs[#costs + 1] = period .. tenant .. '\t' .. where, cost
    end
  end
  local overflow = take_overflow(fields, costs)
  add(key_spend, fields, costs)
  if overflow > 0 then
    add(key_spend, { period .. 'other\tother\tother' }, { overflow })
  end
end

local function forget_oldest()
  local over = redis.call('ZCARD', key_spend_runs) - SPEND.runs
  if over > 0 then
    local oldest = redis.call('ZRANGE', key_spend_runs, 0, math.min(over, SPEND.forget) - 1)
    redis.call('HDEL', key_run_spend, unpack(oldest))
    redis.call('ZREM', key_spend_runs, unpack(oldest))
  end
end

local function commit_runs()
  local names, costs, uses_at = {}, {}, {}
  for name, cost in pairs(runs) do
    local n = #names + 1
    names[n], costs[n] = name, cost
    uses_at[2 * n - 1], uses_at[2 * n] = cell.now, name
  end
  add(key_run_spend, names, costs)
  redis.call('ZADD', key_spend_runs, unpack(uses_at))
  forget_oldest()
end

function spend.commit()
  if next(totals) then
    commit_totals()
  end
  if next(runs) then
    commit_runs()
  end
end
