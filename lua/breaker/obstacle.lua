-- Why nothing is free where health keeps every account of a demand away: the reason, and the ms until the
-- first of them may be back. It looks at a bounded number of them.

--- When the record may let the model be granted again: math.huge for not by itself, 0 for nobody knows.
local function reopens_at(record, model)
  local entry = record.entries[model]
  if record.disabled then
    return math.huge
  elseif entry and entry.state == BREAKER.half_open and entry.probe > 0 then
    return 0
  end
  local till = entry and entry.state == BREAKER.open and entry.till or 0
  return math.max(record.cooldown, till, entry and entry.cool or 0)
end

local function is_tripped(record, model)
  local entry = record.entries[model]
  return not record.disabled and entry and entry.state ~= BREAKER.closed
end

--- The first return of an account for the model, and whether a breaker keeps one away; nil where not
--- all of its accounts are kept away, by their health or by being in `excluded`.
local function look(target, excluded)
  local set, looked, first, tripped = health.blocked(target.model), 0, math.huge, false
  local blocked = set and set.accounts or {}
  local away = (set and set.count or 0) + (excluded and excluding.count(excluded, target, blocked) or 0)
  if away < target.accounts then
    return nil
  end
  for _, account in pairs(blocked) do
    if not (excluded and excluding.has(excluded, account)) then
      local record = account[ACCOUNT.health]
      first = math.min(first, reopens_at(record, target.model))
      tripped = tripped or is_tripped(record, target.model)
    end
    looked = looked + 1
    if looked == BREAKER.looks then
      break
    end
  end
  return first, tripped
end

--- nil where something else stands in the way. `excluded`: accounts that do not count, if any.
function obstacle.of(targets, excluded)
  local first, tripped = math.huge, false
  for t = 1, #targets do
    local target = targets[t]
    if target and target.accounts > 0 then
      local at, by_breaker = look(target, excluded)
      if not at then
        return nil
      end
      first, tripped = math.min(first, at), tripped or by_breaker
    end
  end
  if first == math.huge then
    return REASON.no_account_for_model
  end
  return tripped and REASON.breaker_open or REASON.account_rate, math.max(0, first - cell.now)
end
