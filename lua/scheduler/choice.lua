-- Which account serves a demand: the first target that has room, in it the first tier, in it the
-- class whose head is least loaded. At most 16 heads are compared; never a loop over accounts.
local demands -- demand (1, 2, …) -> its targets, each with the model's number and its tiers, or false

local known, count = {}, 0 -- record of a target -> the target, made once

local function target_of(raw)
  local target = known[raw]
  if not target then
    if count >= MEMORY.targets then
      known, count = {}, 0
    end
    target = target_records.read(raw)
    known[raw], count = target, count + 1
  end
  return target
end

--- Reads what the registry says of every target that the batch names.
local function read_demands()
  local names, owners = {}, {}
  for sent in string.gmatch(arg_demands, '[^\n]+') do
    local line, prefers = preferred.split(sent)
    demands[#demands + 1] = { line = line, home = string.match(line, '^[^\t]+'), prefers = prefers }
    for name in string.gmatch(line, '[^\t]+\t[^\t]+') do
      names[#names + 1], owners[#owners + 1] = name, #demands
    end
  end
  if #names == 0 then
    return
  end
  local raws = redis.call('HMGET', key_targets, unpack(names))
  for i = 1, #names do
    local targets = demands[owners[i]]
    targets[#targets + 1] = raws[i] and target_of(raws[i]) or false
  end
end

--- The targets of a demand that is not of this batch.
function choice.read_line(line)
  local targets = { line = line, home = string.match(line, '^[^\t]+') }
  for name in string.gmatch(line, '[^\t]+\t[^\t]+') do
    local raw = redis.call('HGET', key_targets, name)
    targets[#targets + 1] = raw and target_of(raw) or false
  end
  return targets
end

--- Opens the classes that the acquires of this batch look at first. Each gets its share of their
--- number; a class that is asked for more reads on. `demanded`: demand -> its acquires.
function choice.load(demanded)
  demands = {}
  choice.demands = demands
  if next(demanded) == nil then
    return
  end
  read_demands()
  local wanted = {}
  for demand, n in pairs(demanded) do
    local targets = demands[demand]
    local tier = targets and targets[1] and targets[1].tiers[1] or {}
    local share = math.ceil(n / #tier)
    for i = 1, #tier do
      local class = tier[i]
      if class < CLASS.mixed then
        wanted[class] = (wanted[class] or 0) + share
      end
    end
  end
  classes.prefetch(wanted)
end

local function stored_touch(account)
  local score = redis.call('ZSCORE', key_class(account[ACCOUNT.class]), account[ACCOUNT.name])
  local touch = score and tonumber(score) % LOAD.touches or 0
  account[ACCOUNT.touch] = touch
  return touch
end

--- Among equals the lowest is the one that was touched longest ago, untouched ones before others.
local function order_of(account)
  local touched = account[ACCOUNT.touched]
  return touched and LOAD.touches + touched or account[ACCOUNT.touch] or stored_touch(account)
end

local function best_of(tier, model)
  local head, best, least, order = classes.head, nil, math.huge, nil
  for i = 1, #tier do
    local class, account = tier[i], nil
    if class < CLASS.mixed then
      account = head(class)
    else
      account = mixed.scan(class - CLASS.mixed, model)
    end
    local ratio = account and account[ACCOUNT.ratio] or math.huge
    if ratio < least then
      best, least, order = account, ratio, nil
    elseif account and ratio == least then
      local other = order_of(account)
      order = order or order_of(best)
      if other < order then
        best, order = account, other
      end
    end
  end
  if tier.aside and health.asides > 0 then
    local account = mixed.scan(tier.aside, model)
    if account and (not best or account[ACCOUNT.ratio] < least) then
      best = account
    end
  end
  return best
end

local function pick_among(targets)
  local reason = REASON.no_account_for_model
  for t = 1, #targets do
    local target = targets[t]
    local tiers = target and target.tiers or {}
    for i = 1, #tiers do
      reason = REASON.pool_full
      local account = best_of(tiers[i], target.model)
      if account then
        return account, t
      end
    end
  end
  if reason == REASON.pool_full then
    local other, after_ms = obstacle.of(targets)
    return nil, other or reason, after_ms
  end
  return nil, reason
end

--- The targets of a demand of this batch, by its number.
function choice.targets(number)
  if #demands == 0 then
    read_demands()
  end
  return demands[number]
end

--- The account to take and the number of its target; else nil, the reason, and perhaps the ms after
--- which to try again.
function choice.pick(targets)
  local first = targets[1]
  local account = targets.prefers and preferred.of(targets)
    or first and first.only and health.asides == 0 and classes.head(first.only)
  if account then
    return account, 1
  end
  return pick_among(targets)
end
