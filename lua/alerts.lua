--- The register of alerts: which ones fire, since when, and who has been told. Of all daemons that
--- tell the same, the first one opens an episode; the others find it open.
---
--- @entry alerts
--- @key alerts HASH fingerprint -> JSON (alerts/register.ts); _ -> number of the last episode; kept -> cell time of the last look through
--- @arg head packed alerts at most, clock (negative: the server's), a number of the verb
--- @arg verb string raise, resolve, settle, forget or claim
--- @arg fingerprint string
--- @arg alert string JSON of the alert (raise), or "destination TAB state TAB result" (settle)
--- @reply raised episode now
--- @reply known episode now
--- @reply resolved episode now
--- @reply done
--- @reply nothing
--- @reply full
--- @include lib/server_clock.lua

local most, clock, number = struct.unpack('<ddd', arg_head)
clock = server_clock.ms(clock)
-- Beside the alerts: the sentinel, and the last look through.
local others = 2

local function read()
  local raw = redis.call('HGET', key_alerts, arg_fingerprint)
  local ok, record = pcall(cjson.decode, raw or '')
  if raw and ok then
    return record
  end
end

local function write(record)
  redis.call('HSET', key_alerts, arg_fingerprint, cjson.encode(record))
end

local verbs = {}

--- `number`: how long in ms it fires after this; negative: until it is resolved.
function verbs.raise()
  local record = read()
  local alert = cjson.decode(arg_alert)
  local fires_until = number >= 0 and clock + number or nil
  if record and record.state == 'firing' then
    record.alert, record.untilMs = alert, fires_until
    write(record)
    return { 'known', record.episode, clock }
  end
  if not record and redis.call('HLEN', key_alerts) - others >= most then
    return { 'full' }
  end
  local episode = redis.call('HINCRBY', key_alerts, SENTINEL.name, 1)
  write({
    episode = episode,
    state = 'firing',
    sinceMs = clock,
    untilMs = fires_until,
    alert = alert,
    told = { _ = true },
  })
  return { 'raised', episode, clock }
end

--- `number`: only if it has fired since before this cell time.
function verbs.resolve()
  local record = read()
  if not record or record.state ~= 'firing' or record.sinceMs >= number then
    return { 'nothing' }
  end
  record.state, record.endedMs = 'resolved', math.max(clock, record.sinceMs)
  write(record)
  return { 'resolved', record.episode, record.endedMs }
end

--- `number`: the episode of which the destination has been told, or will not be.
function verbs.settle()
  local record = read()
  if not record or record.episode ~= number then
    return { 'nothing' }
  end
  local destination, state, result = string.match(arg_alert, '^([^\t]*)\t([^\t]*)\t([^\t]*)$')
  record.told[destination] = { state = state, result = result, atMs = clock }
  write(record)
  return { 'done' }
end

--- `number`: the episode that may be forgotten.
function verbs.forget()
  local record = read()
  if not record or record.episode ~= number then
    return { 'nothing' }
  end
  redis.call('HDEL', key_alerts, arg_fingerprint)
  return { 'done' }
end

--- `number`: ms that must have passed since the last look through, whoever did it.
function verbs.claim()
  local kept = tonumber(redis.call('HGET', key_alerts, 'kept') or '') or 0
  if clock - kept < number and kept <= clock then
    return { 'nothing' }
  end
  redis.call('HSET', key_alerts, 'kept', clock)
  redis.call('HSETNX', key_alerts, SENTINEL.name, 0)
  return { 'done' }
end

return verbs[arg_verb]()
