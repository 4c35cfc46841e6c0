-- What a registration means for the health of an account, and where its health puts it. For scripts
-- that register accounts.

local function now_and_fence()
  local now, incarnation, grants = unpack(redis.call('HMGET', key_cell, 'now', 'incarnation', 'grants'))
  return tonumber(now) or 0, (tonumber(incarnation) or 0) * FENCE.per_incarnation + (tonumber(grants) or 0)
end

--- Entries of models that the account does not serve (any more) would outlive their numbers.
local function forget_others(record, models)
  local served = {}
  for i = 1, #models do
    served[models[i]] = true
  end
  for model in pairs(record.entries) do
    record.entries[model] = served[model] and record.entries[model] or nil
  end
end

--- Settings may have changed: no breaker stays open for longer than the new ones say, and none where
--- they do not let it trip.
local function heed(record, terms)
  local trips = terms.consecutive > 0 or terms.min_requests > 0
  for _, entry in pairs(record.entries) do
    if entry.state == BREAKER.open then
      local open_ms = trips and conditions.open_ms(terms, entry.trips - 1) or 0
      entry.till = math.min(entry.till, entry.changed + open_ms)
    end
    if not trips then
      entry.state, entry.probe, entry.consecutive = BREAKER.closed, 0, 0
    end
  end
end

--- The class of the account and whether it is blocked. Another credential, and an account that was out
--- of use, begin again; what was granted before says nothing of them.
function placing.of(account, before, raw)
  local name, terms = account[ACCOUNT.name], account[ACCOUNT.breaker]
  local stored = redis.call('HGET', key_health, name)
  local record = stored and terms and account[ACCOUNT.slots] > 0 and conditions.read(stored)
  if not record then
    redis.call('HDEL', key_health, name)
    return account[ACCOUNT.class], false
  end
  local now, fence = now_and_fence()
  if not before or breaker_terms.mark(before) ~= breaker_terms.mark(raw) then
    conditions.begin_again(record, fence, now, terms.window_ms)
  end
  forget_others(record, terms.models)
  heed(record, terms)
  redis.call('HSET', key_health, name, conditions.packed(record))
  -- What has changed by itself meanwhile is seen at the next tick.
  redis.call('ZADD', key_timers, 0, 'b' .. name)
  return conditions.place(terms, record, account[ACCOUNT.class], now)
end
