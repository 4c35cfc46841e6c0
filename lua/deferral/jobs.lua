-- Records of jobs and the places of those that wait. A record says what the job is; that it is out,
-- dead or ended is told by its being there.

--- The record, or nil. One that cannot be read counts as gone: nobody could run it.
function jobs.read(id)
  local raw = redis.call('HGET', key_deferred, id)
  local ok, record = pcall(cjson.decode, raw or '')
  if raw and ok and type(record) == 'table' then
    return record
  end
end

function jobs.write(id, record)
  redis.call('HSET', key_deferred, id, cjson.encode(record))
end

--- Whole milliseconds: Lua writes large numbers with an exponent.
function jobs.text(ms)
  return string.format('%.0f', ms)
end

function jobs.member(record, id)
  return record.tenant .. '\t' .. id
end

--- Ready jobs of a tenant go by their due times.
function jobs.ready_member(tenant, due, id)
  return string.format('%s\t%015.0f\t%s', tenant, due, id)
end

--- Of one that is nowhere: it waits for `due` from here on.
function jobs.wait(id, record, due)
  record.dueAtMs = math.floor(due)
  jobs.write(id, record)
  local place = terms.place[record.stage]
  redis.call('ZADD', key_due(place), jobs.text(record.dueAtMs), jobs.member(record, id))
  redis.call('ZADD', key_ages(place), jobs.text(record.submittedAtMs), id)
end

--- The same, wherever it was.
function jobs.park(id, record, due)
  jobs.unpark(id, record)
  jobs.wait(id, record, due)
end

--- It is nowhere. A stage that is not configured any more keeps its entry, which then leads to nothing.
function jobs.unpark(id, record)
  redis.call('ZREM', key_deferral_out, id)
  redis.call('ZREM', key_deferral_dead, id)
  local place = terms.place[record.stage]
  if not place then
    return
  end
  redis.call('ZREM', key_ages(place), id)
  if redis.call('ZREM', key_due(place), jobs.member(record, id)) == 0 then
    redis.call('ZREM', key_ready(place), jobs.ready_member(record.tenant, record.dueAtMs, id))
  end
end

--- Of one whose record cannot be read: whatever its stage was.
function jobs.forget_age(id)
  for n = 0, terms.stage_count - 1 do
    redis.call('ZREM', key_ages(n), id)
  end
end

function jobs.is_out(id)
  return redis.call('ZSCORE', key_deferral_out, id) and true or false
end

--- From BullMQ's delayed set to where workers take; false where it is not there: a worker has it, or
--- is about to put it there.
function jobs.hand_over(place, id)
  if redis.call('ZREM', key_delayed(place), id) == 0 then
    return false
  end
  redis.call('LPUSH', key_wait(place), id)
  redis.call('ZADD', key_marker(place), 0, '0')
  return true
end
