-- Sticky sessions: the account that a session is bound to serves it where it has room; else another
-- one does, and the session stays bound. It is bound anew once its account is out of use, sick, or
-- serves none of the targets. A binding lives for a while after its last use, and is written seldom; two
-- generations bound their number.
local known -- session's name -> its binding, or false
local words -- of the commit

function sticky.begin()
  known, words = {}, {}
end

--- A binding: cell time of the last use that was written, then the account.
local function decode(raw, is_old)
  if not raw or #raw <= 8 then
    return false
  end
  local at = struct.unpack('<d', raw)
  return at + head.session_ms > cell.now
    and { account = string.sub(raw, 9), at = at, is_old = is_old }
end

--- Reads the bindings of these sessions.
function sticky.load(names)
  if #names == 0 then
    return
  end
  local younger = redis.call('HMGET', key_sessions, unpack(names))
  local older = redis.call('HMGET', key_sessions_before, unpack(names))
  for i = 1, #names do
    known[names[i]] = decode(younger[i], false) or decode(older[i], true)
  end
end

local function binding_of(session)
  if known[session.name] == nil then
    sticky.load({ session.name })
  end
  return known[session.name]
end

--- The first of the targets that the account serves and is not sick for, or nil.
local function served_by(account, targets)
  for t = 1, #targets do
    local target = targets[t]
    if target and target_records.leads_to(target, account)
      and not health.is_sick(account, target.model) then
      return t
    end
  end
end

--- The account that the session is bound to and the number of its target; nil where there is none
--- that may serve these targets.
local function preferred_of(targets, session)
  local binding = session.sticky and binding_of(session)
  local account = binding and accounts.get(binding.account)
  local number = account and account[ACCOUNT.slots] > 0 and served_by(account, targets)
  session.is_kept = number and true or false
  return number and account or nil, number
end

--- Like choice.pick, for a request with a session; returns its account, too, where that is full.
function sticky.pick(targets, session)
  local preferred, number = preferred_of(targets, session)
  if preferred and not health.allows(preferred, targets[number].model) then
    preferred = nil
  elseif preferred and preferred[ACCOUNT.in_flight] < preferred[ACCOUNT.limit] then
    return preferred, number
  end
  local account, other, after_ms = choice.pick(targets)
  return account, other, after_ms, preferred
end

local function bind(name, account)
  known[name] = { account = account, at = cell.now, is_old = false }
  words[#words + 1], words[#words + 2] = name, struct.pack('<d', cell.now) .. account
end

--- The account serves the session; says how that came (STICKY).
function sticky.granted(session, account)
  local binding, name = binding_of(session), account[ACCOUNT.name]
  if not binding then
    session.how = STICKY.bound
  elseif binding.account == name then
    session.how = STICKY.hit
    if not binding.is_old and cell.now - binding.at < head.session_ms / SESSION.writes then
      return
    end
  elseif session.is_kept then
    session.how = STICKY.spilled
    return
  else
    session.how = STICKY.rebound
  end
  bind(session.name, name)
end

--- The younger generation grows old by time or by number; the older one is forgotten.
local function rotate()
  local at = tonumber(redis.call('HGET', key_cell, 'sessions_rotate_at') or 0)
  if cell.now < at and redis.call('HLEN', key_sessions) <= head.most_sessions then
    return
  end
  redis.call('UNLINK', key_sessions_before)
  redis.call('RENAME', key_sessions, key_sessions_before)
  redis.call('HSET', key_sessions, SENTINEL.name, 0)
  redis.call('HSET', key_cell, 'sessions_rotate_at', decimals.of(cell.now + head.session_ms))
end

function sticky.commit()
  if #words > 0 then
    redis.call('HSET', key_sessions, unpack(words))
    rotate()
  end
end
