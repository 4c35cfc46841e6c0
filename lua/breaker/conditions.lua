-- What an account's health record says, and what follows from it at a time. Pure: it reads and writes
-- no store. An account without a record is well.
-- A record: until when the account cools down, whether it is disabled, and an entry for each model whose
-- breaker has something to say.
--   closed     counts failures from the first one on; `till` is when it may be forgotten
--   open       grants nothing before `till`
--   half_open  grants one probe at a time; `probe` is the fence of the one under way, or 0
-- `since` is the highest fence at the last change: what was granted before it moves nothing.
local HEAD = '<BBdddBd'
local ENTRY = '<I2BBI2I2dI4I4ddddd'

function conditions.new_record()
  return { disabled = false, cooldown = 0, since = 0, kept = 0, reason = 0, changed = 0, entries = {} }
end

function conditions.new_entry(model)
  return { model = model, state = BREAKER.closed, reason = 0, consecutive = 0, trips = 0, window = 0,
    requests = 0, failures = 0, till = 0, cool = 0, since = 0, probe = 0, changed = 0 }
end

local function read_entry(raw, at)
  local entry = {}
  entry.model, entry.state, entry.reason, entry.consecutive, entry.trips, entry.window,
    entry.requests, entry.failures, entry.till, entry.cool, entry.since, entry.probe, entry.changed =
    struct.unpack(ENTRY, raw, at)
  return entry
end

--- The record, or false for one that cannot be decoded.
function conditions.read(raw)
  if #raw < BREAKER.head or (#raw - BREAKER.head) % BREAKER.entry ~= 0 or string.byte(raw) ~= 1 then
    return false
  end
  local record, flags, _ = { entries = {} }, 0, 0
  _, flags, record.cooldown, record.since, record.kept, record.reason, record.changed =
    struct.unpack(HEAD, raw)
  record.disabled = flags == 1
  for at = BREAKER.head + 1, #raw, BREAKER.entry do
    local entry = read_entry(raw, at)
    if entry.state < BREAKER.closed or entry.state > BREAKER.half_open then
      return false
    end
    record.entries[entry.model] = entry
  end
  return record
end

function conditions.packed(record)
  local raw = struct.pack(HEAD, 1, record.disabled and 1 or 0, record.cooldown, record.since,
    record.kept, record.reason, record.changed)
  for _, e in pairs(record.entries) do
    raw = raw .. struct.pack(ENTRY, e.model, e.state, e.reason, e.consecutive, e.trips, e.window,
      e.requests, e.failures, e.till, e.cool, e.since, e.probe, e.changed)
  end
  return raw
end

--- Whether the record lets the model be granted.
function conditions.allows(record, model, now)
  local entry = record.entries[model]
  if record.disabled or record.cooldown > now or entry and entry.cool > now then
    return false
  end
  return not entry or entry.state == BREAKER.closed
    or entry.state == BREAKER.half_open and entry.probe == 0
end

--- The class that an account belongs to now, and whether it grants nothing at all. One that serves
--- only some of its models is aside: its class is searched model by model.
function conditions.place(terms, record, home, now)
  local allowed, models = 0, terms.models
  for i = 1, #models do
    allowed = allowed + (conditions.allows(record, models[i], now) and 1 or 0)
  end
  local is_aside = allowed > 0 and allowed < #models and terms.aside ~= BREAKER.no_class
  return is_aside and terms.aside or home, allowed == 0
end

--- For how long a breaker is open that has tripped so often in a row before.
function conditions.open_ms(terms, trips)
  return math.min(terms.open_ms * 2 ^ math.min(trips, 30), terms.max_open_ms)
end

--- When something of the record changes by itself; nil for never.
function conditions.next_change(record, now)
  local first = math.huge
  local function consider(at)
    first = at > now and at < first and at or first
  end
  consider(record.cooldown)
  consider(record.kept)
  for _, entry in pairs(record.entries) do
    consider(entry.cool)
    if entry.state ~= BREAKER.half_open then
      consider(entry.till)
    end
  end
  return first < math.huge and first or nil
end

--- Forgets what does not matter any more; returns whether anything is left.
function conditions.prune(record, now)
  for model, entry in pairs(record.entries) do
    if entry.state == BREAKER.closed and entry.consecutive == 0 and entry.till <= now
      and entry.cool <= now then
      record.entries[model] = nil
    end
  end
  return record.disabled or record.cooldown > now or record.kept > now
    or next(record.entries) ~= nil
end

--- A new beginning: what was granted up to `fence` says nothing about it.
function conditions.begin_again(record, fence, now, window)
  record.disabled, record.cooldown, record.entries = false, 0, {}
  record.since, record.kept, record.changed = fence, now + window, now
end
