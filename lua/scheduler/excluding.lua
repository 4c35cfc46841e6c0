-- The choice among all accounts but some, which a request has tried already. Nothing changes of those:
-- they lose their room for a moment.

function excluding.pick(list, targets)
  local limits = {}
  for i = 1, #list do
    limits[i] = list[i][ACCOUNT.limit]
    list[i][ACCOUNT.limit] = 0
    classes.look_again(list[i])
  end
  local account, number, after_ms = choice.pick(targets)
  for i = #list, 1, -1 do
    list[i][ACCOUNT.limit] = limits[i]
    classes.look_again(list[i])
  end
  return account, number, after_ms
end

function excluding.has(list, account)
  for i = 1, #list do
    if list[i] == account then
      return true
    end
  end
  return false
end

--- How many of the list, in use and no others of `but`, serve the target.
function excluding.count(list, target, but)
  local count = 0
  for i = 1, #list do
    local account = list[i]
    if account[ACCOUNT.slots] > 0 and not but[account[ACCOUNT.name]]
      and target_records.leads_to(target, account) then
      count = count + 1
    end
  end
  return count
end
