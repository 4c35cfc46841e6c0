-- What changes by itself at a known cell time. An entry is a kind (one letter) and a name; whoever
-- sets a kind says in `timers.due` what happens then. Every tick does a few that are due.
timers.due = {} -- kind -> function(name)
local MOST = TIMERS.most .. '' -- a word of a command: numbers cost it a printf

--- In place of the entry's earlier time, if it has one.
function timers.set(kind, name, at)
  redis.call('ZADD', key_timers, at, kind .. name)
end

function timers.clear(kind, name)
  redis.call('ZREM', key_timers, kind .. name)
end

--- `timers.more` tells that others may be due.
function timers.run()
  timers.more = false
  local entries = redis.call('ZRANGEBYSCORE', key_timers, '-inf', cell.now_text, 'LIMIT', '0', MOST)
  if #entries == 0 then
    return
  end
  redis.call('ZREM', key_timers, unpack(entries))
  for i = 1, #entries do
    local due = timers.due[string.sub(entries[i], 1, 1)]
    if due then
      due(string.sub(entries[i], 2))
    end
  end
  timers.more = #entries == TIMERS.most
end

--- The ms until a waiter may be concerned, or -1 where nobody waits: a timer, the first lease that
--- may be reaped, the end of recovery.
function timers.wake_in()
  if cell.waiting == 0 then
    return -1
  end
  local wake = math.huge
  for _, key in ipairs({ key_timers, key_expiries }) do
    local first = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')
    wake = math.min(wake, tonumber(first[2]) or math.huge)
  end
  if cell.now < cell.recover_until then
    wake = math.min(wake, cell.recover_until)
  end
  return wake < math.huge and math.max(0, wake - cell.now) or -1
end
