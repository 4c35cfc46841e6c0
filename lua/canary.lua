--- Runs of the cost canary: one at a time, by the leader alone. A run is asked for by hand or due by the
--- schedule; it ends with a report. What a leader began and did not end is begun again by the next one.
---
--- @entry canary_ask
--- @entry canary_begin
--- @entry canary_finish
--- @entry canary_told
--- @key leader HASH see leader.lua
--- @key canary HASH last, asked, by, running, term, due, done, untold, run_at, success_at -> see docs/canary.md
--- @key canary_reports STREAM "run-0" -> report
--- @arg head packed clock (negative: the server's), ms for which reports are kept, reports at most, three times of the schedule ascending (0: none)
--- @arg holder string the daemon that leads; empty to ask
--- @arg term string its term
--- @arg run string the run that ends, or was told
--- @arg by string who asks
--- @arg verdict string passed, failed or inconclusive
--- @arg report string JSON
--- @reply asked run
--- @reply running run
--- @reply begun run now how by
--- @reply nothing now untold
--- @reply finished
--- @reply gone
--- @reply told
--- @reply fenced term holder
--- @include lib/server_clock.lua
--- @include leader/fence.lua

local clock, keep_ms, most, first, second, third = struct.unpack('<dddddd', arg_head)

local now = server_clock.ms(clock)

local function get(field)
  return redis.call('HGET', key_canary, field)
end

local function set(...)
  redis.call('HSET', key_canary, ...)
end

local function text(n)
  return string.format('%.0f', n)
end

--- Numbers of runs are times where they can be, and rise where they cannot.
local function next_run()
  local run = text(math.max(now, tonumber(get('last') or 0) + 1))
  set('last', run)
  return run
end

local function ask()
  local running = get('running')
  if running and get('term') == redis.call('HGET', key_leader, 'term') then
    return { 'running', running }
  end
  local asked = get('asked')
  if not asked then
    asked = next_run()
    set('asked', asked, 'by', arg_by)
  end
  return { 'asked', asked }
end

--- The latest time of the schedule that has come; 0 for none.
local function due_time()
  local due = 0
  for _, time in ipairs({ first, second, third }) do
    if time > 0 and time <= now then
      due = time
    end
  end
  return due
end

--- A cell that sees its schedule for the first time has missed nothing.
local function is_due(due)
  local done = tonumber(get('done'))
  if due > 0 and not done then
    set('done', text(due))
  end
  return due > 0 and done and done < due
end

local function begin()
  local untold = get('untold')
  if untold then
    return { 'nothing', now, untold }
  end
  local asked, due = get('asked'), due_time()
  -- What the leader before this one has left comes first, so that whoever waits for it hears of it.
  local run = get('running') or asked or (is_due(due) and next_run())
  if not run then
    return { 'nothing', now, '' }
  end
  local is_asked = run == asked
  due = math.max(due, tonumber(get('due') or 0))
  set('running', run, 'term', arg_term, 'due', text(due))
  return { 'begun', run, now, is_asked and 'hand' or 'schedule', is_asked and get('by') or '' }
end

local function finish()
  if get('running') ~= arg_run or get('term') ~= arg_term then
    return { 'gone' }
  end
  redis.call('XADD', key_canary_reports, 'MAXLEN', most, arg_run .. '-0', 'report', arg_report)
  redis.call('XTRIM', key_canary_reports, 'MINID', text(math.max(0, now - keep_ms)))
  if get('asked') == arg_run then
    redis.call('HDEL', key_canary, 'asked', 'by')
  else
    set('done', get('due'))
  end
  redis.call('HDEL', key_canary, 'running', 'term', 'due')
  set('untold', arg_run, 'run_at', text(now))
  if arg_verdict == 'passed' then
    set('success_at', text(now))
  end
  return { 'finished' }
end

--- What follows from a report was done: by this leader, or by the one after it.
local function told()
  if get('untold') == arg_run then
    redis.call('HDEL', key_canary, 'untold')
  end
  return { 'told' }
end

if variant == 'canary_ask' then
  return ask()
end
local refusal = fence.refuse()
if refusal then
  return refusal
end
return ({ canary_begin = begin, canary_finish = finish, canary_told = told })[variant]()
