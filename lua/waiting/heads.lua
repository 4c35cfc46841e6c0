-- The candidates for what is free: the heads of the demands that somebody ready waits for. First
-- tenants below their reserved slots, then whoever is furthest behind the virtual time of its pool.
local lines -- demand number -> its targets by line (choice.lua)

function heads.begin()
  lines = {}
end

function heads.targets_of(demand)
  if lines[demand] == nil then
    local line = redis.call('HGET', key_demands, '#' .. demand)
    local read = demand < DEMANDS.most and choice.read_line or moving.targets_of
    lines[demand] = line and read(line) or false
  end
  return lines[demand]
end

--- The head of a demand's ready flows, or of a line of moves: rank, lag in tags, tenant; nil where nobody is ready.
local function look(from)
  local entry = redis.call('ZRANGEBYLEX', key_line, from, '(s', 'LIMIT', 0, 1)[1]
  if not entry then
    return nil
  end
  local demand = tonumber(string.sub(entry, 2, 5), 16)
  local targets = heads.targets_of(demand)
  if demand >= DEMANDS.most then
    return moving_on.head(entry, demand, targets)
  end
  local tag = tonumber(string.sub(entry, 7, 22))
  return { entry = entry, demand = demand, targets = targets, tenant = string.sub(entry, 23),
    rank = string.byte(entry, 6), lag = targets and tag - pools.of(targets.home).time or 0 }
end

--- The heads of so many demands from `demand` on, and the demand to go on with, if there are more.
function heads.from(demand)
  local list, head = {}, look(string.format('[r%04x', demand))
  while head and #list < HANDING.demands do
    list[#list + 1] = head
    head = look(string.format('[r%04x', head.demand + 1))
  end
  return list, head and head.demand
end

--- The place in the list of the one to serve first, or nil.
function heads.best_of(list)
  local best
  for i = 1, #list do
    local head = list[i]
    if head and (not best or head.rank < list[best].rank
      or head.rank == list[best].rank and head.lag < list[best].lag) then
      best = i
    end
  end
  return best
end

--- The head of the same demand after something has changed, or false.
function heads.look_again(head)
  local now = look(string.format('[r%04x', head.demand))
  return now and now.demand == head.demand and now
end
