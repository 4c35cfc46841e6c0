-- The packed records, little-endian, unpacked into arrays whose positions have names (LEASE,
-- ACCOUNT). New fields are appended; a reader keeps a tail that it does not know.
-- src/redis/records.ts reads and writes the same layouts.
local LEASE_FORMAT = '<BBI2dddddI4I4BI2Bc0'
local ACCOUNT_FORMAT = '<BBI2I4I4I4'
local LEASE_FIXED = 55 -- bytes before the length of the account's name
local EXPIRES_AT = 12 -- bytes before the expiry

--- schema, flags, model, fence, expires at, claim, granted at, reserve, tokens, period, state,
--- attempt, account, then the owner daemon and the session; the texts behind their lengths.
function records.new_lease(op, model, fence, now, account, daemon)
  local flags, claim, expires_at = op[OP.flags], op[OP.claim], now + op[OP.lease_ms]
  local reserve, tokens = op[OP.reserve], op[OP.tokens]
  local raw = struct.pack('<BBI2dddddI4I4BI2Bc0Bc0B', 1, flags, model, fence, expires_at, claim, now,
    reserve, tokens, 0, STATE.leased, 1, #account, account, #daemon, daemon, 0)
  return { raw, 1, flags, model, fence, expires_at, claim, now, reserve, tokens, 0, STATE.leased, 1,
    account }
end

--- A lease (LEASE), or false for a record that cannot be decoded.
function records.read_lease(raw)
  local named = string.byte(raw, LEASE_FIXED + 1)
  if not named or #raw < LEASE_FIXED + 1 + named or string.byte(raw, 1) ~= 1 then
    return false
  end
  return { raw, struct.unpack(LEASE_FORMAT, raw) }
end

--- The same record, living longer; everything else stays to the byte.
function records.with_expiry(raw, expires_at)
  return string.sub(raw, 1, EXPIRES_AT) .. struct.pack('<d', expires_at)
    .. string.sub(raw, EXPIRES_AT + 9)
end

--- schema, flags (1: in use), class, index, limit, capacity = limit x weight; behind them, for
--- an account of a `mixed` class alone, the numbers of the models that it serves.
--- An account (ACCOUNT), or false where there is none that can be decoded.
function records.read_account(name, raw)
  if not raw or #raw < 16 or string.byte(raw, 1) ~= 1 then
    return false
  end
  return { name, raw, 0, 0, false, 0, struct.unpack(ACCOUNT_FORMAT, raw) }
end

--- (in-flight + 1) / (limit x weight), as an integer.
function records.load_ratio(account)
  return math.floor((account[ACCOUNT.in_flight] + 1) * LOAD.scale / account[ACCOUNT.capacity])
end

function records.has_room(account)
  return account[ACCOUNT.in_flight] < account[ACCOUNT.limit] and account[ACCOUNT.flags] % 2 == 1
end

--- Whether an account of a `mixed` class serves the model.
function records.serves(account, model)
  local raw = account[ACCOUNT.raw]
  for at = 17, #raw - 1, 2 do
    if struct.unpack('<I2', raw, at) == model then
      return true
    end
  end
  return false
end

--- model number, then tier by tier how many classes it has and their numbers.
function records.read_target(raw)
  local model, at, tiers = struct.unpack('<I2', raw), 3, {}
  while at <= #raw do
    local tier = {}
    for i = 1, string.byte(raw, at) do
      tier[i] = struct.unpack('<I2', raw, at + 2 * i - 1)
    end
    tiers[#tiers + 1] = tier
    at = at + 1 + 2 * #tier
  end
  return { model = model, tiers = tiers }
end
