-- Takes a slot of the least loaded account of a class: the choice and its charge in one, for runs of
-- acquires (scheduler/acquire_run.lua).
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

--- The account, which has a lease more from now on, under the next fence; nil where none has room.
function taking.take(number)
  local class = classes.open[number]
  local account = class and not class.heap and class.list[class.at]
  if account and not account[ACCOUNT.touched] and account[ACCOUNT.ratio] <= class.least_touched
    and account[ACCOUNT.in_flight] < account[ACCOUNT.limit] then
    return take_untouched(class, account)
  end
  account = classes.head(number)
  if account then
    has_moved(account, places.take(account))
  end
  return account
end
