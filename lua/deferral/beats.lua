-- What has to be looked at again and again, by whichever daemon: who works, what has expired, what has
-- been kept long enough; and when something becomes due by itself.
local AT_ONCE = 100
local STILL_RUNS_MS = 1000

local function remember_worker(member)
  redis.call('ZREMRANGEBYSCORE', key_deferral_workers, '-inf', jobs.text(terms.clock - 60000))
  if terms.numbers[1] > 0 then
    redis.call('ZADD', key_deferral_workers, jobs.text(terms.clock), member)
  else
    redis.call('ZREM', key_deferral_workers, member)
  end
end

local function expire()
  local now = jobs.text(terms.clock)
  local over = redis.call('ZRANGEBYSCORE', key_deferral_expiries, '-inf', now, 'LIMIT', 0, AT_ONCE)
  for _, id in ipairs(over) do
    local record = jobs.read(id)
    if not record or record.outcome then
      redis.call('ZREM', key_deferral_expiries, id)
      jobs.forget_age(id)
    elseif jobs.is_out(id) then
      redis.call('ZADD', key_deferral_expiries, jobs.text(terms.clock + STILL_RUNS_MS), id)
    else
      ends.expire(id, record)
    end
  end
  return #over == AT_ONCE
end

local function delete_old()
  local before = jobs.text(terms.clock - terms.retention)
  local old = redis.call('ZRANGEBYSCORE', key_deferral_ended, '-inf', before, 'LIMIT', 0, AT_ONCE)
  local surplus = redis.call('ZCARD', key_deferral_ended) - #old - terms.max_kept
  if surplus > 0 then
    old = redis.call('ZRANGE', key_deferral_ended, 0, math.min(#old + surplus, AT_ONCE) - 1)
  end
  for _, id in ipairs(old) do
    ends.delete(id, jobs.read(id))
  end
  return #old == AT_ONCE
end

--- The next time at which something happens by itself; -1: none is known.
local function next_time()
  local first = -1
  local function look(score)
    if score and (first < 0 or score < first) then
      first = score
    end
  end
  look(tonumber(redis.call('ZRANGE', key_deferral_expiries, 0, 0, 'WITHSCORES')[2]))
  for n = 0, terms.stage_count - 1 do
    look(tonumber(redis.call('ZRANGE', key_due(n), 0, 0, 'WITHSCORES')[2]))
  end
  return first
end

--- `text`: the daemon with its concurrency (0: it stops), then ids of what it runs; `numbers`: that
--- concurrency, and how many ids.
function beats.beat()
  remember_worker(arg_text(1))
  local more = expire()
  more = delete_old() or more
  more = flow.promote() or more
  local reply = { terms.clock, next_time(), more and 1 or 0 }
  for i = 1, terms.numbers[2] do
    local id = arg_text(i + 1)
    if not jobs.is_out(id) then
      reply[#reply + 1] = id
    end
  end
  return reply
end
