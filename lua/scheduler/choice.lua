-- Which account serves a demand: the first target that has room, in it the first tier, in it the
-- class whose head is least loaded. At most 16 heads are compared; never a loop over accounts.
local demands -- demand -> its targets, each with the model's number and its tiers, or false

--- Reads what the registry says of every target that the batch names.
local function read_demands()
  local names, owners = {}, {}
  demands = {}
  for line in string.gmatch(arg_demands, '[^\n]+') do
    demands[#demands + 1] = {}
    for name in string.gmatch(line, '[^\t]+\t[^\t]+') do
      names[#names + 1] = name
      owners[#owners + 1] = #demands
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

local function want(wanted, targets)
  local tier = targets and targets[1] and targets[1].tiers[1]
  for _, class in ipairs(tier or {}) do
    if class < CLASS.mixed then
      wanted[class] = (wanted[class] or 0) + 1
    end
  end
end

--- Opens the classes that the acquires of this batch look at first; returns their heads.
function choice.load(demanded)
  read_demands()
  local wanted = {}
  for i = 1, #demanded do
    want(wanted, demands[demanded[i]])
  end
  return classes.prefetch(wanted)
end

--- The targets of a demand by its number (1, 2, …), or nil.
function choice.targets(demand)
  return demands[demand]
end

local function better(a, b)
  if a.ratio ~= b.ratio then
    return a.ratio < b.ratio
  end
  return classes.touch_of(a) < classes.touch_of(b)
end

local function head(class, model)
  if class >= CLASS.mixed then
    return classes.scan(class - CLASS.mixed, model)
  end
  return classes.head(class)
end

local function best_of(tier, model)
  local best
  for i = 1, #tier do
    local account = head(tier[i], model)
    if account and (not best or better(account, best)) then
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
    for _, tier in ipairs(target and target.tiers or {}) do
      reason = REASON.pool_full
      local account = best_of(tier, target.model)
      if account then
        return account, t
      end
    end
  end
  return nil, reason
end
