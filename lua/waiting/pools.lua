-- The view of pools as fair queueing sees them: virtual time, mean hold and mean gap between
-- hand-offs in ms, time of the last hand-off, the weights of the flows that wait, together, how many
-- hand-offs the mean gap is made of, and since when somebody waits.
local known, epoch, changed

function pools.begin()
  known = memory.of('pools', 0)
  epoch, changed = memory.epoch, {}
end

function pools.of(name)
  local pool = known[name]
  if not pool or pool.epoch ~= epoch then
    local raw = redis.call('HGET', key_flows, name)
    pool = { name = name, epoch = epoch, time = 0, hold = 0, gap = 0, last = 0, backlog = 0,
      hand_offs = 0, since = 0 }
    if raw and #raw >= FLOWS.pool then
      pool.time, pool.hold, pool.gap, pool.last, pool.backlog, pool.hand_offs =
        struct.unpack('<dddddd', raw)
      pool.since = #raw >= FLOWS.pool_since and struct.unpack('<d', raw, FLOWS.pool + 1) or 0
    end
    known[name] = pool
  end
  return pool
end

function pools.touch(pool)
  changed[pool.name] = pool
end

--- One more flow of the pool has waiters.
function pools.add_backlog(pool, share)
  if pool.backlog == 0 then
    pool.last, pool.since = cell.now, cell.now
  end
  pool.backlog = pool.backlog + share
end

--- A waiter of the pool was served: how often that happens. The mean is that of all, until there are
--- as many as it remembers.
function pools.handed_off(pool)
  local gap = cell.now - pool.last
  pool.gap = pool.gap + (gap - pool.gap) / math.min(pool.hand_offs + 1, FLOWS.pool_memory)
  pool.last, pool.hand_offs = cell.now, pool.hand_offs + 1
  pools.touch(pool)
end

function pools.commit()
  local words = {}
  for name, pool in pairs(changed) do
    words[#words + 1], words[#words + 2] = name,
      struct.pack('<ddddddd', pool.time, pool.hold, pool.gap, pool.last, pool.backlog,
        pool.hand_offs, pool.since)
  end
  commit.write('HSET', key_flows, words)
end
