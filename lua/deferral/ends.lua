-- How jobs end: the first outcome is the one, and a worker is given the job once more to acknowledge it.

--- Records the outcome; the caller has seen that there is none yet.
function ends.record(id, record, kind, outcome)
  jobs.unpark(id, record)
  record.outcome, record.endedAtMs = kind, terms.clock
  jobs.write(id, record)
  redis.call('HSET', key_deferral_outcomes, id, outcome)
  redis.call('ZADD', key_deferral_ended, jobs.text(terms.clock), id)
  redis.call('ZREM', key_deferral_expiries, id)
  drains.count(record, kind)
  local place = terms.place[record.stage]
  if place then
    jobs.hand_over(place, id)
  end
end

local function finish(id, kind, outcome)
  local record = jobs.read(id)
  if not record then
    return 'gone'
  end
  if record.outcome then
    return 'already'
  end
  ends.record(id, record, kind, outcome)
  return 'ended'
end

--- `text`: id, kind, outcome as JSON of each, in turn; `numbers`: how many.
function ends.finish()
  local reply = { terms.clock }
  for i = 1, terms.numbers[1] do
    reply[i + 1] = finish(arg_text(3 * i - 2), arg_text(3 * i - 1), arg_text(3 * i))
  end
  return reply
end

--- A job has no further try before it is given up.
function ends.expire(id, record)
  local message = 'The job is older than it may become.'
  ends.record(id, record, 'expired', cjson.encode({ kind = 'expired', code = 'expired', message = message }))
end

--- Nothing of it is left, but what its queue holds until a worker acknowledges it.
function ends.delete(id, record)
  redis.call('ZREM', key_deferral_ended, id)
  redis.call('ZREM', key_deferral_expiries, id)
  redis.call('HDEL', key_deferral_outcomes, id)
  redis.call('HDEL', key_deferred, id)
  if record then
    redis.call('ZREM', key_deferral_index, jobs.member(record, id))
    if record.key then
      redis.call('HDEL', key_deferral_keys, record.tenant .. '\t' .. record.key)
    end
  end
end

--- `text`: id, of a job that has ended.
function ends.forget()
  local record = jobs.read(arg_text(1))
  if not record or not record.outcome then
    return { 'gone' }
  end
  ends.delete(arg_text(1), record)
  return { 'done' }
end
