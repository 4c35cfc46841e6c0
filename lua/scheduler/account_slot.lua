-- Rule: an account's leases never exceed its limit. The choice has looked at the account's room
-- already, so there is nothing left to refuse.
--- @charged-by-runs

function account_slot.charge(_, account)
  places.count(account, 1)
end

function account_slot.settle_all(_, list, _, n)
  places.give_back(list, n)
end
