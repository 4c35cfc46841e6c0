-- What moves change of a lease's record (lib/records.lua), and what they leave behind its last field:
-- the fence before the last move, when the request came (0: it never waited for another account), and
-- the account that it has left. What stands behind that is kept.

--- The parts of the record behind its account; the daemon and the session as they stand.
local function parts_of(lease)
  local raw, from = lease[LEASE.raw], PACKED.fixed + 2 + #lease[LEASE.account]
  local parts, at = { tenant_period = PACKED.no_period, charged = 0, pool = '', before = 0,
    arrived = 0, left = '' }, from
  for _ = 1, 2 do
    at = at + 1 + (string.byte(raw, at) or 0)
  end
  parts.texts = string.sub(raw, from, at - 1)
  if at + 8 <= #raw then
    parts.tenant_period, parts.charged, parts.pool, at = struct.unpack('<I4I4Bc0', raw, at)
  end
  if at + 16 <= #raw then
    parts.before, parts.arrived, parts.left, at = struct.unpack('<ddBc0', raw, at)
  end
  parts.rest = string.sub(raw, at)
  return parts
end

--- The record of the lease as its fields say; all that is not named here stays to the byte.
local function write(lease, parts, granted_at, state, attempt)
  local raw, account, at = lease[LEASE.raw], lease[LEASE.account], PACKED.granted_at
  lease[LEASE.raw] =
    struct.pack('<BBI2d', 1, lease[LEASE.flags], lease[LEASE.model], lease[LEASE.fence])
    .. string.sub(raw, 13, at) .. struct.pack('<d', granted_at) .. string.sub(raw, at + 9, at + 24)
    .. struct.pack('<BI2Bc0', state, attempt, #account, account) .. parts.texts
    .. struct.pack('<I4I4Bc0ddBc0', parts.tenant_period, parts.charged, #parts.pool, parts.pool,
      parts.before, parts.arrived, #parts.left, parts.left) .. parts.rest
end

local function times_of(lease)
  local granted_at = struct.unpack('<d', lease[LEASE.raw], PACKED.granted_at + 1)
  local attempt = struct.unpack('<I2', lease[LEASE.raw], PACKED.attempt + 1)
  return granted_at, attempt
end

local function place(lease, account, model, fence)
  lease[LEASE.account], lease[LEASE.model], lease[LEASE.fence] = account, model, fence
end

--- On another account at once: its service and its place in the fair shares go on.
function moved_records.relocate(lease, account, model, fence)
  local parts, granted_at, attempt = parts_of(lease), times_of(lease)
  parts.before = lease[LEASE.fence]
  place(lease, account, model, fence)
  write(lease, parts, granted_at, STATE.leased, attempt % 65535 + 1)
end

--- Without an account. One that nobody has claimed goes back to the fence that its holder knows.
function moved_records.leave(lease, arrived)
  local parts, granted_at, attempt = parts_of(lease), times_of(lease)
  local is_unclaimed = records.state(lease) == STATE.moved
  if is_unclaimed then
    attempt = attempt - 1
  else
    parts.left, parts.arrived = lease[LEASE.account], arrived
  end
  place(lease, MOVES.nowhere, MOVES.no_model, is_unclaimed and parts.before or lease[LEASE.fence])
  parts.pool, parts.charged = '', 0
  if math.floor(lease[LEASE.flags] / MOVES.flag) % 2 == 0 then
    lease[LEASE.flags] = lease[LEASE.flags] + MOVES.flag
  end
  write(lease, parts, granted_at, STATE.moving, attempt)
end

--- On an account again, from now on, in the fair share that its fields tell.
function moved_records.enter(lease, account, model, fence, state)
  local parts, _, attempt = parts_of(lease), times_of(lease)
  parts.before = lease[LEASE.fence]
  parts.pool, parts.charged = lease[LEASE.pool] or '', lease[LEASE.charged]
  place(lease, account, model, fence)
  write(lease, parts, cell.now, state, attempt % 65535 + 1)
end

--- The fence before the last move, or 0.
function moved_records.before(lease)
  return parts_of(lease).before
end

--- The account that a lease without one has left.
function moved_records.left(lease)
  return parts_of(lease).left
end

--- When the request came, where it was queued for `queued_ms` before its first account.
function moved_records.arrived(lease, queued_ms)
  local arrived = parts_of(lease).arrived
  return arrived > 0 and arrived or math.max(0, (times_of(lease)) - queued_ms)
end
