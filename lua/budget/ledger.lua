-- The view of the ledger: what is settled and reserved under each scope ("*" for everybody, or a
-- tenant's name) in each period, and the policy of the cell. Money is whole micro-units.
-- A period is named by its first ms; the boundaries come from the daemons, for they know time zones.
local policy, changed
local periods -- kind -> the period that now is in: its first and last ms, its entries by scope
local known -- first ms of a period -> scope -> entry, and how many periods that are (`count`)
ledger.all = '*'

--- The policy: kind of period (0: no budget), warn, stop.
local function read_policy()
  local raw = redis.call('HGET', key_ledger, LEDGER.policy)
  local read = { period = 0, warn = -1, stop = -1 }
  if raw and #raw >= LEDGER.policy_size then
    read.period, read.warn, read.stop = struct.unpack('<Bdd', raw)
  end
  return read
end

--- The entries of the period that begins at `first`.
local function entries_of(first)
  local entries = known[first]
  if not entries then
    entries, known.count = {}, known.count + 1
    known[first] = entries
  end
  return entries
end

function ledger.begin()
  local kept, read = memory.of('ledger policy', cell.admission), memory.of('ledger', memory.epoch)
  policy, periods = kept.policy or read_policy(), kept.periods or {}
  kept.policy, kept.periods = policy, periods
  if not read.known or read.known.count > LEDGER.periods then
    read.known = { count = 0 }
  end
  known, changed = read.known, {}
  for kind, period in pairs(periods) do
    local is_now = cell.now >= period.first and cell.now < period.last
    periods[kind] = is_now and period or nil
    period.entries = entries_of(period.first)
  end
  cell.is_budgeted = policy.period > 0
end

function ledger.policy()
  return policy
end

--- The boundary at or before now and the next one, from a packed ascending list. Without boundaries
--- all time is one period.
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
  return { first = first, last = last, entries = entries_of(first) }
end

--- The period of a kind that now is in.
function ledger.period(kind)
  local period = periods[kind]
  if not period then
    local raw = kind ~= PERIOD.none and redis.call('HGET', key_ledger, LEDGER.boundaries .. kind)
    period = find_period(raw or '')
    periods[kind] = period
  end
  return period
end

local function read_entry(scope, first)
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
  local entries = known[first] or entries_of(first)
  local entry = entries[scope]
  if not entry then
    entry = read_entry(scope, first)
    entries[scope] = entry
  end
  return entry
end

--- The account of a scope in the period of a kind that now is in, and that period.
function ledger.current(scope, kind)
  local period = periods[kind] or ledger.period(kind)
  return period.entries[scope] or ledger.of(scope, period.first), period
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
  local words, n = {}, 0
  for i = 1, #changed do
    local entry = changed[i]
    entry.changed = false
    words[n + 1], words[n + 2], n = entry.field, struct.pack('<dddddB', entry.settled,
      entry.reserved, entry.overrun, entry.presumed, entry.requests, entry.warned and 1 or 0), n + 2
  end
  commit.write('HSET', key_ledger, words, n)
end
