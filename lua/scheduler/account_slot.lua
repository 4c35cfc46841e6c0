-- Rule: an account's leases never exceed its limit. Choosing an account has looked at its room
-- already (classes.lua), so there is nothing left to refuse.

function account_slot.charge(lease)
  local account = accounts.get(lease.account)
  if account then
    accounts.count(account, 1)
  end
end

function account_slot.settle(lease)
  local account = accounts.get(lease.account)
  if account then
    accounts.count(account, -1)
  end
end
