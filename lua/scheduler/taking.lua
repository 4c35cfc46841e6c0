-- Takes a slot of the account that the choice is for: both in one, for runs of acquires that are
-- alike (scheduler/acquire_run.lua).
local has_moved = classes.has_moved

--- The head is an account that this batch has not touched, and no more loaded than those that it has:
--- there is nothing to compare, and nobody else to tell.
local function take_untouched(class, account)
  local ratio = places.take(account)
  class.at, class.is_known = class.at + 1, false
  if ratio < class.least_touched then
    class.least_touched = ratio
  end
  return account
end

--- The account, which has a lease more from now on, under the next fence, and the number of the
--- target; nil where none has room, or where the id holds something already.
local function take_of_class(number, held)
  if held ~= nil or health.asides > 0 then
    return nil
  end
  local class = classes.open[number]
  local account = class and not class.heap and class.list[class.at]
  if account and not account[ACCOUNT.touched] and account[ACCOUNT.ratio] <= class.least_touched
    and account[ACCOUNT.in_flight] < account[ACCOUNT.limit] then
    return take_untouched(class, account), 1
  end
  account = classes.head(number)
  if account then
    has_moved(account, places.take(account))
  end
  return account, 1
end

--- The same for targets that lead to several classes.
local function take_any(targets, held)
  local account, number
  if held == nil then
    account, number = choice.pick(targets)
  end
  if account then
    has_moved(account, places.take(account))
  end
  return account, number
end

--- How to take slots for these targets: a function, and what to give it.
function taking.way(targets)
  local only = not targets.prefers and health.asides == 0 and targets[1].only
  if only then
    return take_of_class, only
  end
  return take_any, targets
end
