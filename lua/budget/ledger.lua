-- The view of the ledger: what is settled and reserved under each scope ("*" for everybody, or a
-- tenant's name) in each period, and the policy of the cell. Money is whole micro-units.
-- A period is named by its first ms; the boundaries come from the daemons, for they know time zones.
local known, changed, periods, policy -- known: first ms of a period -> scope -> entry
local entries -- the memory of them: known, and of how many periods
local ALL = '*'
ledger.all = ALL

--- The policy: kind of period (0: no budget), warn, stop.
local function read_policy()
  local raw = redis.call('HGET', key_ledger, LEDGER.policy)
  local read = { period = 0, warn = -1, stop = -1 }
  if raw and #raw >= LEDGER.policy_size then
    read.period, read.warn, read.stop = struct.unpack('<Bdd', raw)
  end
  return read
end

function ledger.begin()
  local kept = memory.of('ledger policy', cell.admission)
  kept.policy = kept.policy or read_policy()
  kept.periods = kept.periods or {}
  policy, periods = kept.policy, kept.periods
  cell.is_budgeted = policy.period > 0
  local read_before = memory.of('ledger', memory.epoch)
  if not read_before.known or read_before.periods > LEDGER.periods then
    read_before.known, read_before.periods = {}, 0
  end
  entries, known, changed = read_before, read_before.known, {}
end

function ledger.policy()
  return policy
end

--- The boundary at or before now and the next one, from a packed ascending list.
local function find_period(raw)
  local first, last = 0, math.huge
  for at = 1, #raw - 7, 8 do
    local boundary = struct.unpack('<d', raw, at)
    if boundary > cell.now then
      last = boundary
      break
    end
    first = boundary
  end
  return { first = first, last = last }
end

--- The period (first, last) of a kind that now is in. Without boundaries all time is one period.
function ledger.period(kind)
  local period = periods[kind]
  if not period or cell.now >= period.last or cell.now < period.first then
    local raw = kind ~= PERIOD.none and redis.call('HGET', key_ledger, LEDGER.boundaries .. kind)
    period = find_period(raw or '')
    periods[kind] = period
  end
  return period
end

local function read(scope, first)
  local field = scope .. '\t' .. string.format('%.0f', first)
  local entry = { field = field, scope = scope, settled = 0, reserved = 0, overrun = 0,
    presumed = 0, requests = 0, warned = false, changed = false }
  local raw = redis.call('HGET', key_ledger, field)
  if raw and #raw >= LEDGER.size then
    local warned
    entry.settled, entry.reserved, entry.overrun, entry.presumed, entry.requests, warned =
      struct.unpack('<dddddB', raw)
    entry.warned = warned == 1
  end
  return entry
end

--- The account of a scope in the period that begins at `first`.
function ledger.of(scope, first)
  local scopes = known[first]
  if not scopes then
    scopes = {}
    known[first], entries.periods = scopes, entries.periods + 1
  end
  local entry = scopes[scope]
  if not entry then
    entry = read(scope, first)
    scopes[scope] = entry
  end
  return entry
end

function ledger.changed(entry)
  if not entry.changed then
    entry.changed = true
    changed[#changed + 1] = entry
  end
end

--- A reservation of `reserve` ends at `cost`; what lies above it is overrun.
function ledger.settle(entry, reserve, cost, presumed)
  local reserved, settled = entry.reserved - reserve, entry.settled + cost
  entry.reserved, entry.settled = reserved > 0 and reserved or 0, settled > 0 and settled or 0
  if cost > reserve then
    entry.overrun = entry.overrun + cost - reserve
  end
  if presumed then
    entry.presumed = entry.presumed + cost
  end
  ledger.changed(entry)
end

function ledger.commit()
  local words = {}
  for i = 1, #changed do
    local entry = changed[i]
    entry.changed = false
    words[2 * i - 1], words[2 * i] = entry.field, struct.pack('<dddddB', entry.settled,
      entry.reserved, entry.overrun, entry.presumed, entry.requests, entry.warned and 1 or 0)
  end
  commit.write('HSET', key_ledger, words)
end
