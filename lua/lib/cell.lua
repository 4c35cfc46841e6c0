-- The cell itself: its clock, its generation of configuration, its incarnation and sequence.
-- Recovery guard: a store that is behind what a daemon has seen, or is another server, has lost
-- writes. A new incarnation begins; holders register their leases before anything is granted.
local ESTIMATES_OF = { ['0'] = ESTIMATES.closed, ['1'] = ESTIMATES.open, [false] = ESTIMATES.missing }

local function read()
  local values = redis.call('HMGET', key_cell, 'generation', 'incarnation', 'sequence', 'now',
    'grants', 'touches', 'recover_until', 'keep_until', 'rotate_at', 'server', 'registry',
    'admission', 'tenants', 'waiting', 'arrivals', 'layout', 'v2_open')
  if not values[1] then
    return false
  end
  cell.generation, cell.incarnation, cell.sequence = tonumber(values[1]), tonumber(values[2]), tonumber(values[3])
  cell.now, cell.grants, cell.touches = tonumber(values[4]), tonumber(values[5]), tonumber(values[6])
  cell.recover_until, cell.keep_until = tonumber(values[7]), tonumber(values[8])
  cell.rotate_at, cell.server, cell.registry = tonumber(values[9]), values[10], values[11]
  cell.admission, cell.tenants = values[12] or '', tonumber(values[13]) or 0
  cell.waiting, cell.arrivals = tonumber(values[14]) or 0, tonumber(values[15]) or 0
  cell.layout = tonumber(values[16]) or 0
  cell.estimates = ESTIMATES_OF[values[17]] or ESTIMATES.corrupt
  cell.overage, cell.settings_changed, cell.waiting_changed = 0, false, false
  cell.stored_incarnation, cell.stored_sequence = cell.incarnation, cell.sequence
  return true
end

local function tell_time()
  local clock = server_clock.ms(head.clock)
  local gap = clock - cell.now
  cell.now = math.max(cell.now, clock)
  cell.now_text = decimals.of(cell.now)
  -- Nobody ticked, or the clock jumped: holders had no chance to renew, so nothing is reaped yet.
  if gap > head.gap_ms then
    cell.keep_until, cell.settings_changed = cell.now + head.recovery_ms, true
  end
end

local function has_lost_writes()
  if arg_server ~= '' and arg_server ~= cell.server then
    return true
  end
  return cell.incarnation < head.incarnation
    or (cell.incarnation == head.incarnation and cell.sequence < head.sequence)
end

local function begin_incarnation()
  cell.incarnation = math.max(cell.incarnation, head.incarnation) + 1
  cell.sequence, cell.grants = 0, 0
  cell.recover_until = cell.now + head.recovery_ms
  cell.keep_until = cell.recover_until
  cell.server = arg_server ~= '' and arg_server or cell.server
  cell.settings_changed = true
end

--- Reads the cell; returns a reply where the batch must not be executed.
function cell.begin()
  if not read() then
    return { 'unconfigured' }
  end
  if cell.layout ~= LAYOUT.version then
    return { 'layout', cell.layout }
  end
  if cell.generation ~= head.generation then
    return { 'stale', cell.generation }
  end
  tell_time()
  if has_lost_writes() then
    begin_incarnation()
  end
  cell.sequence = cell.sequence + 1
  cell.touches = math.min(cell.touches + 1, LOAD.touches - 1)
end

--- A fence that rises with every grant of the cell; it contains the incarnation.
function cell.next_fence()
  if cell.grants >= FENCE.per_incarnation - 1 then
    cell.incarnation, cell.sequence, cell.grants = cell.incarnation + 1, 1, 0
  end
  local grants = cell.grants + 1
  cell.grants = grants
  return cell.incarnation * FENCE.per_incarnation + grants
end

--- Waiters more or less.
function cell.count_waiters(by)
  cell.waiting, cell.waiting_changed = math.max(0, cell.waiting + by), true
end

--- Numbers the arrivals, so that equal times keep their order.
function cell.next_arrival()
  cell.arrivals = (cell.arrivals + 1) % WAITERS.arrivals
  return cell.arrivals
end

--- The finished ids grow old at `at`.
function cell.rotate_next(at)
  cell.rotate_at, cell.settings_changed = at, true
end

function cell.commit()
  local text = decimals.of
  redis.call('HSET', key_cell, 'incarnation', text(cell.incarnation), 'sequence', text(cell.sequence),
    'now', cell.now_text, 'grants', text(cell.grants), 'touches', text(cell.touches))
  if cell.waiting_changed then
    redis.call('HSET', key_cell, 'waiting', cell.waiting, 'arrivals', cell.arrivals)
  end
  if cell.settings_changed then
    redis.call('HSET', key_cell, 'recover_until', cell.recover_until, 'keep_until', cell.keep_until,
      'rotate_at', cell.rotate_at, 'server', cell.server)
  end
end
