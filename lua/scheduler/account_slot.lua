-- Rule: an account's leases never exceed its limit. The choice has looked at the account's room
-- already, so there is nothing left to refuse.

function account_slot.charge(_, account)
  accounts.count(account, 1)
end

function account_slot.settle(_, account)
  if account then
    accounts.count(account, -1)
  end
end
