-- The packed records of targets, and which accounts serve them.

--- Whether an account of a `mixed` class, or one that is aside, serves the model.
function target_records.serves(account, model)
  local raw, terms = account[ACCOUNT.raw], account[ACCOUNT.breaker]
  local from = (account[ACCOUNT.rates] and 49 or 17) + (terms and BREAKER.terms or 0)
  for at = from, #raw - 1, 2 do
    if struct.unpack('<I2', raw, at) == model then
      return true
    end
  end
  return false
end

--- Whether the target leads to the account, in use or not.
function target_records.leads_to(target, account)
  local home, tiers = account[ACCOUNT.home], target.tiers
  for i = 1, #tiers do
    for j = 1, #tiers[i] do
      local number = tiers[i][j]
      if number == home
        or number == home + CLASS.mixed and target_records.serves(account, target.model) then
        return true
      end
    end
  end
  return false
end

--- The classes of a tier. `aside` holds those of its accounts that may not serve all of their models
--- just now.
local function read_tier(raw, at)
  local tier = {}
  for i = 1, string.byte(raw, at) do
    local class = struct.unpack('<I2', raw, at + 2 * i - 1)
    if class >= CLASS.aside and class < CLASS.mixed then
      tier.aside = class - CLASS.aside
    else
      tier[#tier + 1] = class
    end
  end
  return tier, at + 1 + 2 * string.byte(raw, at)
end

--- model number, how many accounts serve it, then tier by tier how many classes it has and their
--- numbers. `only` is its class where there is but one, and that one is not mixed.
function target_records.read(raw)
  local model, accounts_in_use = struct.unpack('<I2I4', raw)
  local at, tiers = 7, {}
  while at <= #raw do
    tiers[#tiers + 1], at = read_tier(raw, at)
  end
  local only = #tiers == 1 and #tiers[1] == 1 and tiers[1][1]
  return { model = model, accounts = accounts_in_use, tiers = tiers,
    only = only and only < CLASS.mixed and only or false }
end
