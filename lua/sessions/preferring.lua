-- A short wait for a session's account: it is full, another one is free, and the configuration lets
-- a request wait a little for the one that knows the conversation. Such a waiter came before all
-- that wait for its demand in line: those came when nothing was free. Its place: "a", account, order.
-- When its time is over it is queued like any other, at its arrival's place, and takes what is free.
local function entry_of(waiter)
  return 'a' .. waiter.session.prefers .. '\t' .. waiter.order .. waiter.id
end

--- Whether the request may wait for its session's account, which is full: asked before another one
--- is taken. Not where the queue could not take it.
function preferring.may_wait(op, account)
  return account and head.prefer_ms > 0 and operations.batch[op + OP.wait_ms] > 0
    and account[ACCOUNT.limit] > 0 and cell.waiting < head.most_waiters
end

--- For half of its time at most: it must not be refused while another account is free.
function preferring.join(waiter)
  waiter.state = WAITING.preferring
  redis.call('ZADD', key_line, 0, entry_of(waiter))
  local half = math.floor((cell.now + waiter.deadline) / 2)
  timers.set('s', waiter.id, math.min(half, cell.now + head.prefer_ms))
end

waiters.leave[WAITING.preferring] = function(waiter)
  redis.call('ZREM', key_line, entry_of(waiter))
  timers.clear('s', waiter.id)
  waiter.session.prefers = false
end

--- It waits for its demand from now on.
timers.due.s = function(id)
  local waiter = waiters.get(id)
  if waiter and waiter.state == WAITING.preferring then
    waiters.leave[WAITING.preferring](waiter)
    waiters.enqueue(waiter)
    waiters.write(waiter)
  end
end

--- Those that wait for an account that has room again, first come, first served.
local function serve(account)
  local list = 'a' .. account[ACCOUNT.name] .. '\t'
  while account[ACCOUNT.in_flight] < account[ACCOUNT.limit] do
    local entry = redis.call('ZRANGEBYLEX', key_line, '[' .. list, '(' .. list .. '~', 'LIMIT', 0, 1)[1]
    local id = entry and string.sub(entry, #list + WAITERS.order + 1)
    local waiter = id and waiters.get(id)
    if not id then
      return
    elseif not waiter or waiter.state ~= WAITING.preferring then
      redis.call('ZREM', key_line, entry)
    else
      hand_off.offer(waiter)
      if waiters.get(id) == waiter and waiter.state == WAITING.preferring then
        return
      end
    end
  end
end

--- Looks at the accounts that this batch has touched: no other one has room since.
function preferring.run()
  if #redis.call('ZRANGEBYLEX', key_line, '[a', '(b', 'LIMIT', 0, 1) > 0 then
    places.each_touched(serve)
  end
end
