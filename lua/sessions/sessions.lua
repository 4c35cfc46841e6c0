-- The sessions that a batch names: conversations of tenants, as digests. Few requests have one, so
-- they come in an argument of their own, one line each: "number of the operation, SESSION, digest".
-- A session belongs to the tenant of its operation's id, whatever a daemon sends.
local by_op = {} -- offset of an operation -> its session

function sessions.begin()
  for op in pairs(by_op) do
    by_op[op] = nil
  end
end

--- `name` is "tenant/digest"; `flags` say what the session is asked for.
function sessions.new(id, flags, digest)
  return { name = tenants.name_in(id) .. '/' .. digest, digest = digest, flags = flags,
    sticky = flags % 2 == SESSION.sticky, lane = flags >= SESSION.lane, order = false }
end

function sessions.load()
  if arg_sessions == '' then
    return
  end
  local names, laned = {}, {}
  for number, flags, digest in string.gmatch(arg_sessions, '(%d+) (%d) ([%w_-]+)') do
    local i = tonumber(number)
    if i >= 1 and i <= operations.count() then
      local session = sessions.new(arg_id(i), tonumber(flags), digest)
      by_op[(i - 1) * OP.fields] = session
      names[#names + 1] = session.sticky and session.name or nil
      laned[#laned + 1] = session.lane and session.name or nil
    end
  end
  sticky.load(names)
  lane_owners.load(laned)
  choice.demands[0] = alone.demand
end

--- The session of the operation, or nil.
function sessions.of(op)
  return by_op[op]
end

--- The operation is a waiter's, for a moment (operations.borrow).
function sessions.lend(op, session)
  by_op[op] = session
end

--- The detail of a grant: the number of its target, and how it came to its session's account.
function sessions.detail(op, number)
  local session = by_op[op]
  return number - 1 + (session and session.how or 0) * GRANT.sticky
end

--- The same of a lease that was granted before; its target is told by its model.
function sessions.detail_before(lease)
  local how = string.sub(charges.session(lease), 1, 1)
  return how ~= '' and tonumber(how) * GRANT.sticky or 0
end

--- Which account a request takes, and for which target, as choice.pick; false for its reason where
--- it is to wait for its session's account.
function sessions.pick(op, targets, id)
  local session = by_op[op]
  if not session then
    return choice.pick(targets)
  elseif session.lane and lanes.is_taken(session.name, id) then
    return nil, REASON.lane_busy
  end
  local account, number, after_ms, preferred = sticky.pick(targets, session)
  if account and preferring.may_wait(op, preferred) then
    session.prefers = preferred[ACCOUNT.name]
    return nil, false
  end
  return account, number, after_ms
end

--- Whether a waiter is kept from the line of its demand; it has another place then.
function sessions.holds_back(waiter)
  if waiter.session.lane and lanes.holds_back(waiter) then
    return true
  elseif waiter.session.prefers then
    preferring.join(waiter)
    return true
  end
  return false
end

--- The account serves a request of the session from now on.
function sessions.granted(session, id, account)
  if session.sticky then
    sticky.granted(session, account)
  end
  if session.lane then
    lanes.granted(session.name, id)
  end
end

--- The waiter waits no more, and holds nothing; or it is not looked at for a while.
function sessions.left(waiter)
  local session = waiter.session
  if session and session.lane then
    lanes.left(session.name, waiter.id)
  end
end

--- A lease on a lane has ended.
function sessions.ended(id, lease)
  lanes.left(tenants.name_in(id) .. '/' .. string.sub(charges.session(lease), 2), id)
end

--- The lease remembers its operation's session: how it came to its account, and the digest.
function sessions.mark(lease, op)
  local session = by_op[op]
  lease[LEASE.session] = session and (session.how or 0) .. session.digest or false
  if session and session.lane then
    lease[LEASE.flags] = lease[LEASE.flags] + ACQUIRE.lane
  end
end

--- A session as a waiter's record keeps it, and back; nil where it cannot be decoded.
function sessions.pack(session)
  local prefers = session.prefers or ''
  return struct.pack('<BBc0Bc0', session.flags, #session.digest, session.digest, #prefers, prefers)
    .. (session.order or '')
end

function sessions.unpack(id, raw)
  local digest = string.byte(raw, 2)
  local prefers = digest and string.byte(raw, 3 + digest)
  if not prefers or #raw < 3 + digest + prefers then
    return nil
  end
  local session = sessions.new(id, string.byte(raw), string.sub(raw, 3, 2 + digest))
  session.prefers = prefers > 0 and string.sub(raw, 4 + digest, 3 + digest + prefers) or false
  session.order = #raw > 3 + digest + prefers and string.sub(raw, 4 + digest + prefers) or false
  return session
end
