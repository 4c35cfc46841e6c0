-- An account that the caller would rather have, named behind its demand: it is taken where it has
-- room and is among those that are looked at first (the first target's first tier); else the
-- ordinary choice is made. So a wish never passes over a tier, and never makes anybody wait.

--- A demand as it was sent: the demand itself, and the preferred account or nil.
function preferred.split(line)
  local at = string.find(line, '\v', 1, true)
  if not at then
    return line, nil
  end
  return string.sub(line, 1, at - 1), string.sub(line, at + 1)
end

local function is_in(tier, account, model)
  local class = account[ACCOUNT.class]
  for i = 1, #tier do
    if tier[i] == class or tier[i] == class + CLASS.mixed and target_records.serves(account, model) then
      return true
    end
  end
  return false
end

--- The preferred account of a demand, where it may be taken; else nil.
function preferred.of(targets)
  local first = targets[1]
  local account = first and accounts.get(targets.prefers)
  local has_room = account and account[ACCOUNT.slots] > 0
    and account[ACCOUNT.in_flight] < account[ACCOUNT.limit]
  return has_room and is_in(first.tiers[1] or {}, account, first.model) and account or nil
end
