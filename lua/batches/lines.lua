-- The lines of one batch by their places, from 0. A line has a job while it is in the queue, then an
-- outcome, which never changes: the first one that is told.
local JOB, GOOD = 'j', 'o'

local completed, failed = 0, 0

local function has_ended(value)
  return value and string.sub(value, 1, 1) ~= JOB
end

--- Remembers the jobs of lines from a place on.
function lines.mark(from, count)
  for i = 1, count do
    local place = state.text(from + i - 1)
    if arg_item(i) ~= '' and not has_ended(redis.call('HGET', key_batch_lines, place)) then
      redis.call('HSET', key_batch_lines, place, JOB .. arg_item(i))
    end
  end
end

local function write(place, outcome)
  redis.call('HSET', key_batch_lines, place, outcome)
  if string.sub(outcome, 1, 1) == GOOD then
    completed = completed + 1
  else
    failed = failed + 1
  end
end

function lines.record(place, outcome)
  if tonumber(place) < state.number('total') and not has_ended(redis.call('HGET', key_batch_lines, place)) then
    write(place, outcome)
  end
end

function lines.rest(from, to, is_forced)
  local jobs = {}
  for place = from, math.min(to, state.number('total')) - 1 do
    local value = redis.call('HGET', key_batch_lines, state.text(place))
    if not value or (is_forced and not has_ended(value)) then
      write(state.text(place), arg_words)
    end
    if value and not has_ended(value) then
      jobs[#jobs + 1] = string.sub(value, #JOB + 1)
    end
  end
  return jobs
end

--- Whether lines wait for room that there is. Half of it at least: a look for each line would be dear.
function lines.may_feed()
  local fed = state.number('fed')
  local ended = state.number('completed') + state.number('failed')
  return state.get('state') == 'in_progress' and fed < state.number('total') and fed - ended <= state.ahead / 2
end

--- Counts what was written by this call; the last outcome makes the batch ready to be finished. Returns
--- whether there is something to do: last, room or recorded.
function lines.count()
  local ended = redis.call('HINCRBY', key_batch, 'completed', completed)
    + redis.call('HINCRBY', key_batch, 'failed', failed)
  completed, failed = 0, 0
  if ended >= state.number('total') then
    state.enter('finalizing')
    return 'last'
  end
  if state.number('busy_until') <= state.clock and lines.may_feed() then
    state.look(state.clock)
    return 'room'
  end
  return 'recorded'
end
