-- The packed records, little-endian, unpacked into arrays whose positions have names (LEASE,
-- ACCOUNT). New fields are appended; a reader keeps a tail that it does not know.
-- src/redis/records.ts reads and writes the same layouts.
local byte, sub, floor, pack, unpack_from
local own_tail -- of the records that this daemon's leases have: its name, and no session
local LEASE_FIXED = 55 -- bytes before the length of the account's name
local EXPIRES_AT = 12 -- bytes before the expiry
local STATE_AT = 52 -- bytes before the state

--- While a library is loaded, Lua's own libraries are not there yet.
function records.begin()
  byte, sub, floor = string.byte, string.sub, math.floor
  pack, unpack_from = struct.pack, struct.unpack
end

--- Leases that begin are this daemon's.
function records.own(daemon)
  own_tail = pack('Bc0B', #daemon, daemon, 0)
end

--- schema, flags, model, fence, expires at, claim, granted at, reserve, tokens, period (s), state,
--- attempt, account, then the owner daemon and the session; the texts behind their lengths. Under
--- terms also the tenant's period (s), the hold that it was charged (ms), and the pool of the flow.
function records.seal(lease, batch, op, now, expires_at, daemon, state)
  local account, pool = lease[LEASE.account], lease[LEASE.pool] or ''
  local session = lease[LEASE.session] or ''
  lease[LEASE.raw] = pack('<BBI2dddddI4I4BI2Bc0Bc0Bc0I4I4Bc0', 1, lease[LEASE.flags],
    lease[LEASE.model], lease[LEASE.fence], expires_at, batch[op + OP.claim], now,
    batch[op + OP.reserve], batch[op + OP.tokens], lease[LEASE.period], state, 1, #account, account,
    #daemon, daemon, #session, session, lease[LEASE.tenant_period], lease[LEASE.charged], #pool, pool)
end

--- Makes `lease` one that terms may have something to remember of; `seal` makes its record.
function records.bind(lease, flags, model, fence, account, tenant_name)
  lease[LEASE.flags], lease[LEASE.model], lease[LEASE.fence] = flags + ACQUIRE.bound, model, fence
  lease[LEASE.account], lease[LEASE.tenant] = account, tenant_name
  lease[LEASE.period], lease[LEASE.tenant_period] = PACKED.no_period, PACKED.no_period
  lease[LEASE.charged], lease[LEASE.pool] = 0, false
end

--- A lease under no terms. What only its account or its daemon decides of the record is packed once.
function records.plain(batch, op, model, fence, now, expires_at, account)
  local flags = batch[op + OP.flags] % 2
  return { pack('<BBI2dddddI4c0c0', 1, flags, model, fence, expires_at, batch[op + OP.claim], now,
    batch[op + OP.reserve], batch[op + OP.tokens], account[ACCOUNT.packed], own_tail),
    flags, model, fence, account[ACCOUNT.name] }
end

function records.state(lease)
  return byte(lease[LEASE.raw], STATE_AT + 1)
end

--- The same record in another state.
function records.set_state(lease, state)
  local raw = lease[LEASE.raw]
  lease[LEASE.raw] = sub(raw, 1, STATE_AT) .. string.char(state) .. sub(raw, STATE_AT + 2)
end

--- The lease (LEASE) of a record; false for one that cannot be decoded.
function records.read_lease(raw)
  local named = byte(raw, LEASE_FIXED + 1)
  if not named or #raw < LEASE_FIXED + 1 + named then
    return false
  end
  local schema, flags, model, fence = unpack_from('<BBI2d', raw)
  return schema == 1
    and { raw, flags, model, fence, sub(raw, LEASE_FIXED + 2, LEASE_FIXED + 1 + named) }
end

function records.expires_at(lease)
  return (unpack_from('<d', lease[LEASE.raw], EXPIRES_AT + 1))
end

function records.claim(lease)
  return (unpack_from('<d', lease[LEASE.raw], EXPIRES_AT + 9))
end

--- The same record, living longer; everything else stays to the byte.
function records.extend(lease, expires_at)
  local raw = lease[LEASE.raw]
  lease[LEASE.raw] = sub(raw, 1, EXPIRES_AT) .. pack('<d', expires_at) .. sub(raw, EXPIRES_AT + 9)
end

--- schema, flags (1: in use, 2: has rates, 4: has a breaker), class, index, limit, capacity = limit x
--- weight; behind them the rates (interval and burst in ms of requests, then of tokens), then the
--- breaker (lib/breaker_terms.lua), and, for an account with a breaker or of a `mixed` class, the
--- numbers of the models that it serves.
--- An account (ACCOUNT), its limit 0 where it is not in use; false where none can be decoded.
function records.read_account(name, raw)
  if not raw or #raw < 16 or byte(raw, 1) ~= 1 then
    return false
  end
  local flags, class, index, limit, capacity = unpack_from('<BI2I4I4I4', raw, 2)
  local step, slots = LOAD.scale / capacity, flags % 2 == 1 and limit or 0
  local rates = floor(flags / 2) % 2 == 1 and { unpack_from('<dddd', raw, 17) } or false
  local terms = flags >= 4 and breaker_terms.read(raw, rates and 49 or 17) or false
  local packed = pack('<I4BI2Bc0', PACKED.no_period, STATE.leased, 1, #name, name)
  return { name, raw, 0, 0, false, -1, slots, class, index, step, false, slots, rates, 0,
    terms, false, false, class, packed }
end

--- (in-flight + 1) / (limit x weight), as an integer.
function records.load_ratio(account)
  return floor((account[ACCOUNT.in_flight] + 1) * account[ACCOUNT.step])
end
