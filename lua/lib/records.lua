-- The packed records, little-endian. New fields are appended; a reader keeps a tail that it does
-- not know. src/redis/records.ts reads the same layouts for inspection.
local LEASE = '<BBI2I2I4I4dddddBc0Bc0Bc0'
local LEASE_NUMBERS = '<BBI2I2I4I4ddddd'
local LEASE_FIXED = 54 -- bytes before the account's length
local EXPIRES_AT = 38 -- bytes before the expiry

--- schema, state, attempt, model, period, tokens, reserve, fence, granted at, expires at, claim,
--- then account, owner daemon and session, each behind its length.
function records.pack_lease(lease)
  local account, daemon, session = lease.account, lease.daemon, lease.session
  return struct.pack(LEASE, 1, lease.state, lease.attempt, lease.model, lease.period,
    lease.tokens, lease.reserve, lease.fence, lease.granted_at, lease.expires_at, lease.claim,
    #account, account, #daemon, daemon, #session, session)
end

--- The fields that decisions need, or nil for a record that cannot be decoded.
function records.read_lease(raw)
  local named = string.byte(raw, LEASE_FIXED + 1)
  if not named or #raw < LEASE_FIXED + 1 + named or string.byte(raw, 1) ~= 1 then
    return nil
  end
  local _, state, attempt, model, period, tokens, reserve, fence, granted_at, expires_at, claim =
    struct.unpack(LEASE_NUMBERS, raw)
  return { raw = raw, state = state, attempt = attempt, model = model, period = period,
    tokens = tokens, reserve = reserve, fence = fence, granted_at = granted_at,
    expires_at = expires_at, claim = claim,
    account = string.sub(raw, LEASE_FIXED + 2, LEASE_FIXED + 1 + named) }
end

--- The same record, living longer; everything else stays to the byte.
function records.with_expiry(raw, expires_at)
  return string.sub(raw, 1, EXPIRES_AT) .. struct.pack('<d', expires_at)
    .. string.sub(raw, EXPIRES_AT + 9)
end

--- schema, flags (1: in use), class, index, limit, capacity = limit x weight; behind them, for
--- an account of a `mixed` class alone, the numbers of the models that it serves.
function records.read_account(raw)
  if not raw or #raw < 16 or string.byte(raw, 1) ~= 1 then
    return nil
  end
  local _, flags, class, index, limit, capacity = struct.unpack('<BBI2I4I4I4', raw)
  return flags, class, index, limit, capacity
end

--- Whether an account of a `mixed` class serves the model.
function records.serves(raw, model)
  for at = 17, #raw - 1, 2 do
    if struct.unpack('<I2', raw, at) == model then
      return true
    end
  end
  return false
end

--- model number, then a tier after the other: how many classes, their numbers.
function records.read_target(raw)
  local target = { model = struct.unpack('<I2', raw), tiers = {} }
  local at = 3
  while at <= #raw do
    local tier = {}
    for i = 1, string.byte(raw, at) do
      tier[i] = struct.unpack('<I2', raw, at + 2 * i - 1)
    end
    target.tiers[#target.tiers + 1] = tier
    at = at + 1 + 2 * #tier
  end
  return target
end
