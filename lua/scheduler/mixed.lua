-- The choice within a class whose accounts do not all serve the model, by what they are configured for or
-- by their health: a bounded part of it is searched.
local score_of, has_room = classes.score_of, classes.has_room

local function serves(account, model)
  return has_room(account) and target_records.serves(account, model) and health.allows(account, model)
end

--- Untouched ones come in the order of their load, so the first of them is the best of them.
local function untouched_serving(class, model)
  for i = 1, #class.list do
    local account = class.list[i]
    if account and not account[ACCOUNT.touched] and serves(account, model) then
      return account
    end
  end
end

--- The least loaded account of the class that serves the model, within a bound; ties as in other
--- classes.
function mixed.scan(number, model)
  local class = classes.opened(number, LOAD.mixed_scan)
  local best = untouched_serving(class, model)
  if best and best[ACCOUNT.ratio] <= class.least_touched then
    return best
  end
  places.each_touched(function(account)
    if account[ACCOUNT.class] == number and serves(account, model)
      and (not best or account[ACCOUNT.ratio] < best[ACCOUNT.ratio]
        or best[ACCOUNT.touched] and score_of(account) < score_of(best)) then
      best = account
    end
  end)
  return best
end
