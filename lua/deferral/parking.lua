-- How jobs come in, and how they go back to wait.
--- A drain waits for what is said to be possible within this time, such as the next probe of a breaker.
local SOON_MS = 60000

local function depth()
  return redis.call('HLEN', key_deferred) - redis.call('ZCARD', key_deferral_ended)
end

local function admit(id, record)
  local now = terms.clock
  record.submittedAtMs, record.expiresAtMs = now, now + record.lifeMs
  local due = math.min(now + record.delayMs, record.expiresAtMs)
  record.lifeMs, record.delayMs = nil, nil
  jobs.wait(id, record, due)
  redis.call('ZADD', key_deferral_index, 0, jobs.member(record, id))
  redis.call('ZADD', key_deferral_expiries, jobs.text(record.expiresAtMs), id)
  if record.key then
    redis.call('HSET', key_deferral_keys, record.tenant .. '\t' .. record.key, id)
  end
end

--- `text`: id and record of each, in turn; `numbers`: how many.
function parking.submit()
  local reply, free = { terms.clock }, terms.max_depth - depth()
  for i = 1, terms.numbers[1] do
    local id, record = arg_text(2 * i - 1), cjson.decode(arg_text(2 * i))
    local known = record.key and redis.call('HGET', key_deferral_keys, record.tenant .. '\t' .. record.key)
    local tag = known and 'known' or free <= 0 and 'full' or 'parked'
    if tag == 'parked' then
      admit(id, record)
      free = free - 1
    end
    reply[2 * i], reply[2 * i + 1] = tag, known or id
  end
  return reply
end

local function wait_for(times, base)
  local first = base >= 0 and base or terms.base
  return math.max(1, math.min(terms.longest, first * terms.factor ^ math.min(times, 60)))
end

--- `text`: id, reason ('' : as before); `numbers`: ms that the upstream asks for (-1: none), 1 where the
--- worker gives it back untried. Only what is out can be deferred.
function parking.defer()
  local id, reason = arg_text(1), arg_text(2)
  local record = jobs.read(id)
  if not record or record.outcome or not jobs.is_out(id) then
    return { 'gone' }
  end
  local due = terms.clock
  if terms.numbers[2] ~= 1 then
    due = math.min(due + wait_for(record.deferrals, terms.numbers[1]), record.expiresAtMs)
    record.deferrals, record.reason = record.deferrals + 1, reason
    if terms.numbers[1] < 0 or terms.numbers[1] > SOON_MS then
      drains.count(record, 'deferred')
    end
  end
  jobs.park(id, record, due)
  return { 'deferred', record.dueAtMs, record.deferrals }
end

--- `text`: id, reason; `numbers`: how often it has stalled so far (-1: the failure is of another kind).
function parking.fail()
  local id, stalls = arg_text(1), terms.numbers[1]
  local record = jobs.read(id)
  if not record or record.outcome then
    return { 'gone' }
  end
  record.failures, record.reason = record.failures + 1, arg_text(2)
  record.stalls = stalls >= 0 and stalls or record.stalls
  if record.failures >= terms.max_failures then
    drains.count(record, 'dead')
    jobs.unpark(id, record)
    redis.call('ZADD', key_deferral_dead, jobs.text(terms.clock), id)
    jobs.write(id, record)
    return { 'dead' }
  end
  if stalls >= 0 then
    jobs.write(id, record)
    return { 'again' }
  end
  local due = math.min(terms.clock + wait_for(record.failures - 1, -1), record.expiresAtMs)
  jobs.park(id, record, due)
  return { 'deferred', record.dueAtMs }
end

--- `text`: id, of a job that waits or is dead: it is due now, as if nothing had failed.
function parking.retry()
  local id = arg_text(1)
  local record = jobs.read(id)
  if not record or record.outcome or jobs.is_out(id) or not terms.place[record.stage] then
    return { 'gone' }
  end
  record.failures = 0
  jobs.park(id, record, terms.clock)
  return { 'done' }
end
