-- The breaker of `v2`. closed: it may reserve. open: it is out of service, until `recover_at`, or until
-- somebody enables it where that is 0. What is missing or cannot be read is closed: an unreadable
-- breaker must not disable anything. The bit that ticks read is a copy, put right by every call.
local readable

function state.begin()
  state.of, readable = stored.read()
  if readable > 0 then
    state.of.state = 'closed'
  end
  if readable == 2 then
    incidents.note('unreadable', { why = 'the state could not be read: v2 is enabled' })
  end
end

function state.is_open()
  return state.of.state == 'open'
end

--- Numbers rise over a loss of data, too: they name what is told.
local function change(kind, cause, facts)
  local of = state.of
  of.number = math.max(of.number + 1, settings.now)
  of.cause, of.by, of.why = cause, facts.by or '', facts.why or ''
  of.since, of.telling_until = settings.now, settings.now + COSTSIM.tell_ms
  facts.number, facts.cause, facts.recover_at = of.number, cause, of.recover_at
  of.last = incidents.note(kind, facts)
end

local function cooldown()
  local of = state.of
  local has_been_calm = settings.now - of.since > settings.max_cooldown_ms
  of.trips = (has_been_calm and 0 or of.trips) + 1
  return math.min(settings.cooldown_ms * 2 ^ math.min(of.trips - 1, 30), settings.max_cooldown_ms)
end

--- By hand it stays open; by itself it recovers, later after each trip that follows soon.
function state.open(kind, cause, facts)
  local of = state.of
  local by_hand = cause == 'hand'
  if state.is_open() and (not by_hand or of.recover_at == 0) then
    return
  end
  of.recover_at = by_hand and 0 or settings.now + cooldown()
  of.state = 'open'
  change(kind, cause, facts)
end

function state.close(kind, cause, by, why)
  local of = state.of
  if not state.is_open() then
    return
  end
  of.state, of.recover_at, of.failures, of.warned = 'closed', 0, 0, 0
  of.p95, of.samples, of.interval, of.interval_from = 0, 0, '', 0
  if cause == 'hand' then
    of.trips = 0
  end
  drift.anew()
  change(kind, cause, { by = by, why = why })
end

--- Of all who try, the first one whose call comes after the cool-down closes it.
function state.recover()
  local of = state.of
  if state.is_open() and of.recover_at > 0 and settings.now >= of.recover_at then
    state.close('recovered', 'cooldown', '', 'the cool-down is over')
  else
    state.tell_again()
  end
end

--- The last change that nobody has confirmed to have told, once in COSTSIM.tell_ms.
function state.tell_again()
  local of = state.of
  if of.told < of.number and settings.now >= of.telling_until and of.last ~= '' then
    of.telling_until = settings.now + COSTSIM.tell_ms
    incidents.say(of.last)
  end
end

function state.told(number)
  state.of.told = math.max(state.of.told, math.min(number, state.of.number))
end

function state.commit()
  stored.write(state.of)
  local bit = state.is_open() and '1' or '0'
  if redis.call('HGET', key_cell, 'v2_open') ~= bit then
    redis.call('HSET', key_cell, 'v2_open', bit)
  end
end

function state.reply()
  local of = state.of
  return { settings.now, readable, state.is_open() and 1 or 0, of.number, of.cause, of.by, of.why,
    of.since, of.recover_at, of.failures, of.trips, of.p95, of.samples, of.warned, incidents.told() }
end
