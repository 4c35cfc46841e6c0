-- From due to ready, and from ready out to the workers: never more at once than all daemons that were
-- heard of lately run together, so the order in which jobs go out is the order in which they run.
local AT_ONCE = 64
local BROUGHT = 200
--- A daemon is heard of every second.
local SILENT_MS = 5000
--- A worker that gave a job back is about to put it where it can be taken from.
local NOT_THERE_YET_MS = 1000

--- Makes ready what has become due; at most so many of each stage.
local function bring_due()
  local now = jobs.text(terms.clock)
  for n = 0, terms.stage_count - 1 do
    local due = redis.call('ZRANGEBYSCORE', key_due(n), '-inf', now, 'WITHSCORES', 'LIMIT', 0, BROUGHT)
    for i = 1, #due, 2 do
      local tenant, id = string.match(due[i], '^([^\t]*)\t(.*)$')
      redis.call('ZREM', key_due(n), due[i])
      redis.call('ZADD', key_ready(n), 0, jobs.ready_member(tenant, tonumber(due[i + 1]), id))
    end
  end
end

--- How many more may be out.
local function room()
  local heard = redis.call('ZRANGEBYSCORE', key_deferral_workers, jobs.text(terms.clock - SILENT_MS), '+inf')
  local window = 0
  for _, member in ipairs(heard) do
    window = window + (tonumber(string.match(member, '\t(%d+)$')) or 0)
  end
  return window - redis.call('ZCARD', key_deferral_out)
end

--- Of a ready job that is in nobody's reach: later, unless it has ended.
local function put_off(place, id)
  turns.give_back(place)
  local record = jobs.read(id)
  if record and not record.outcome then
    jobs.park(id, record, terms.clock + NOT_THERE_YET_MS)
  end
end

--- Returns whether it stopped before it was done.
function flow.promote()
  local free = room()
  if free <= 0 then
    return false
  end
  bring_due()
  for _ = 1, math.min(free, AT_ONCE) do
    local place, _, id = turns.take()
    if not place then
      break
    end
    if jobs.hand_over(place, id) then
      redis.call('ZADD', key_deferral_out, jobs.text(terms.clock), id)
    else
      put_off(place, id)
    end
  end
  turns.commit()
  return free > AT_ONCE and turns.any()
end
