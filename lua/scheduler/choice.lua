-- Which account serves a demand: the first target that has room, in it the first tier, in it the
-- class whose head is least loaded. At most 16 heads are compared; never a loop over accounts.
local demands -- demand -> its targets, each with the model's number and its tiers, or false

--- Reads what the registry says of every target that the batch names.
local function read_demands()
  local names, owners = {}, {}
  for line in string.gmatch(arg_demands, '[^\n]+') do
    demands[#demands + 1] = { line = line, home = string.match(line, '^[^\t]+') }
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
    targets[#targets + 1] = raws[i] and records.read_target(raws[i]) or false
  end
end

--- The targets of a demand that is not of this batch.
function choice.read_line(line)
  local targets = { line = line, home = string.match(line, '^[^\t]+') }
  for name in string.gmatch(line, '[^\t]+\t[^\t]+') do
    local raw = redis.call('HGET', key_targets, name)
    targets[#targets + 1] = raw and records.read_target(raw) or false
  end
  return targets
end

--- Opens the classes that the acquires of this batch look at first. Each gets its share of their
--- number; a class that is asked for more reads on.
function choice.load(demanded)
  demands = {}
  if #demanded == 0 then
    return
  end
  read_demands()
  local acquires, wanted = {}, {}
  for i = 1, #demanded do
    acquires[demanded[i]] = (acquires[demanded[i]] or 0) + 1
  end
  for demand, n in pairs(acquires) do
    local targets = demands[demand]
    local tier = targets and targets[1] and targets[1].tiers[1] or {}
    for i = 1, #tier do
      if tier[i] < CLASS.mixed then
        wanted[tier[i]] = (wanted[tier[i]] or 0) + math.ceil(n / #tier)
      end
    end
  end
  classes.prefetch(wanted)
end

--- The targets of a demand by its number (1, 2, …), or nil.
function choice.targets(demand)
  return demands[demand]
end

local function stored_touch(account)
  local touch = account[ACCOUNT.touch]
  if not touch then
    local score = redis.call('ZSCORE', key_class(account[ACCOUNT.class]), account[ACCOUNT.name])
    touch = score and tonumber(score) % LOAD.touches or 0
    account[ACCOUNT.touch] = touch
  end
  return touch
end

--- The less loaded one; of equals the one that was touched longer ago, untouched ones first.
local function is_better(a, b)
  if a[ACCOUNT.ratio] ~= b[ACCOUNT.ratio] then
    return a[ACCOUNT.ratio] < b[ACCOUNT.ratio]
  end
  local touched_a, touched_b = a[ACCOUNT.touched], b[ACCOUNT.touched]
  if touched_a and touched_b then
    return touched_a < touched_b
  end
  return not touched_a and (touched_b or stored_touch(a) < stored_touch(b))
end

local function best_of(tier, model)
  local best
  for i = 1, #tier do
    local class = tier[i]
    local account = class < CLASS.mixed and classes.head(class)
      or class >= CLASS.mixed and classes.scan(class - CLASS.mixed, model)
    if account and (not best or is_better(account, best)) then
      best = account
    end
  end
  return best
end

--- The account to take and the number of its target; else nil and the reason.
function choice.pick(targets)
  local reason = REASON.no_account_for_model
  for t = 1, #targets do
    local target = targets[t]
    if target and target.only then
      local account = classes.head(target.only)
      if account then
        return account, t
      end
      reason = REASON.pool_full
    end
    local tiers = target and not target.only and target.tiers or {}
    for i = 1, #tiers do
      reason = REASON.pool_full
      local account = best_of(tiers[i], target.model)
      if account then
        return account, t
      end
    end
  end
  return nil, reason
end
