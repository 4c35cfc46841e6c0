-- What this batch decided for waiters: to the caller's own in the reply, to other daemons' by a
-- message on their channel, published after everything is written. A lost message costs its waiter
-- one interval of asking again, never a slot.
-- A notice: length of the id, the id, an answer (lib/operations.lua), the tenant's rates, and within
-- how many ms of this tick it must be claimed (0: it need not be).
-- A message begins with the cell's pair, which tells its reader how old it is at most.
local by_daemon

function notices.begin()
  by_daemon = {}
end

function notices.tell(daemon, id, answer, limits, claim_ms)
  local list = by_daemon[daemon]
  if not list then
    list = {}
    by_daemon[daemon] = list
  end
  list[#list + 1] = struct.pack('<Bc0', #id, id) .. answer .. limits .. struct.pack('<I4', claim_ms)
end

--- The channel of a daemon carries the cell's hash tag.
local function channel_of(daemon)
  return string.sub(key_cell, 1, -5) .. 'daemon:' .. daemon
end

function notices.commit()
  for daemon, list in pairs(by_daemon) do
    if daemon ~= arg_daemon then
      local pair = struct.pack('<dd', cell.incarnation, cell.sequence)
      redis.call('SPUBLISH', channel_of(daemon), pair .. table.concat(list))
    end
  end
end

function notices.own()
  return by_daemon[arg_daemon] and table.concat(by_daemon[arg_daemon]) or ''
end
