--- Batches: each in one state, each of its lines with one outcome. Whoever comes first has written it; the
--- last outcome makes the batch ready to be finished, and it is finished once.
---
--- @entry batch_create
--- @entry batch_take
--- @entry batch_begin
--- @entry batch_feed
--- @entry batch_record
--- @entry batch_stop
--- @entry batch_rest
--- @entry batch_finish
--- @entry batch_look
--- @entry batch_hold
--- @entry batch_drop
--- @key batch HASH facts, tenant, state, total, fed, completed, failed, ending, errors, output, error; "<state>_at" -> when
--- @key batch_lines HASH place of a line -> its outcome, or j and the id of its job (batches/outcome.ts)
--- @key batches ZSET "tenant TAB ms of its making TAB id", in the order of these words
--- @key batches_open HASH tenant -> batches that have not ended
--- @key batches_due ZSET id -> ms at which to look at it
--- @key file HASH the input: see files.lua
--- @arg head packed clock (negative: the server's), ms that an ended batch is kept, lines of a batch that may be in the queue, three numbers of the entry
--- @arg id string
--- @arg tenant string
--- @arg words string of the entry
--- @arg more string of the entry
--- @arg item[] string of the entry, with their number in the head
--- @reply a word, then what the entry tells
--- @include lib/server_clock.lua
--- @include batches/state.lua
--- @include batches/lines.lua

state.begin()

local BUSY_MS = 5000
local entries = {}

--- `first`: batches of the tenant that may be open; `second`: ms that it may take. `words`: its facts.
function entries.batch_create()
  if redis.call('HGET', key_file, 'tenant') ~= arg_tenant or redis.call('HGET', key_file, 'state') ~= 'closed' then
    return { 'no_file' }
  end
  local open = tonumber(redis.call('HGET', key_batches_open, arg_tenant) or '0')
  if open >= state.first then
    return { 'full' }
  end
  redis.call('HSET', key_batches_open, SENTINEL.name, 0, arg_tenant, open + 1)
  redis.call('HINCRBY', key_file, 'holds', 1)
  local now = state.text(state.clock)
  redis.call('HSET', key_batch, 'facts', arg_words, 'tenant', arg_tenant, 'state', 'validating', 'created_at', now,
    'expires_at', state.text(state.clock + state.second), 'total', 0, 'fed', 0, 'completed', 0, 'failed', 0)
  redis.call('ZADD', key_batches, 0, SENTINEL.name, 0, state.place())
  redis.call('ZADD', key_batches_due, '+inf', SENTINEL.name)
  state.look(state.clock)
  return { 'created', state.clock }
end

--- Takes a batch that is due, for `first` ms: whoever dies with it leaves it to the next one.
function entries.batch_take()
  local due = redis.call('ZRANGE', key_batches_due, '-inf', state.text(state.clock), 'BYSCORE', 'LIMIT', 0, 1)[1]
  if not due then
    return { 'nothing' }
  end
  redis.call('ZADD', key_batches_due, state.text(state.clock + state.first), due)
  return { 'taken', due, state.clock }
end

--- `first`: its lines. With errors (`words`) it has failed before it began.
function entries.batch_begin()
  if state.get('state') ~= 'validating' then
    return { 'gone' }
  end
  if arg_words ~= '' then
    redis.call('HSET', key_batch, 'errors', arg_words)
    state.finish('failed')
    return { 'failed' }
  end
  redis.call('HSET', key_batch, 'total', state.text(state.first))
  state.enter('in_progress')
  return { 'begun' }
end

--- `items`: ids of the jobs of the lines from place `first` on, `second` of them; empty for a line that has ended.
function entries.batch_feed()
  if state.get('state') ~= 'in_progress' or state.get('ending') then
    return { 'stopped' }
  end
  lines.mark(state.first, state.second)
  local fed = math.max(tonumber(state.get('fed')), state.first + state.second)
  -- Who feeds already must not be joined by all the others.
  redis.call('HSET', key_batch, 'fed', state.text(fed), 'busy_until', state.text(state.clock + BUSY_MS))
  return { 'fed' }
end

--- `items`: place and outcome in turn, `first` of both together.
function entries.batch_record()
  if not state.is_running() then
    return { 'gone' }
  end
  for i = 1, state.first, 2 do
    lines.record(arg_item(i), arg_item(i + 1))
  end
  return { lines.count() }
end

--- `words`: cancelled or expired. What has not begun ends at once.
function entries.batch_stop()
  local now = state.get('state')
  if now == 'validating' then
    state.finish(arg_words)
    return { 'stopped' }
  end
  if now ~= 'in_progress' and now ~= 'cancelling' then
    return { now and 'ended' or 'gone' }
  end
  if not state.get('ending') or arg_words == 'expired' then
    redis.call('HSET', key_batch, 'ending', arg_words)
  end
  if now == 'in_progress' and arg_words == 'cancelled' then
    state.enter('cancelling')
  end
  return { 'stopped' }
end

--- Ends the lines from place `first` to below `second` that are not in the queue; with `third` the others, too.
--- Replies with the jobs of those that were in it. `words`: the outcome.
function entries.batch_rest()
  if not state.is_running() then
    return { 'gone' }
  end
  local jobs = lines.rest(state.first, state.second, state.third == 1)
  lines.count()
  return { 'rested', unpack(jobs) }
end

--- `words`, `more`: the ids of its files, or empty texts.
function entries.batch_finish()
  if state.get('state') ~= 'finalizing' then
    return { 'gone' }
  end
  redis.call('HSET', key_batch, 'output', arg_words, 'error', arg_more)
  state.finish(state.get('ending') or 'completed')
  return { 'finished' }
end

--- To be looked at in `first` ms, or at once where there is a reason; with `second` room in the queue is none.
function entries.batch_look()
  if state.is_open() then
    redis.call('HDEL', key_batch, 'busy_until')
    local is_due = state.get('state') == 'finalizing' or (state.second ~= 1 and lines.may_feed())
    state.look(is_due and state.clock or state.clock + state.first)
  end
  return { 'done' }
end

--- Whoever has taken it needs it for `first` ms more.
function entries.batch_hold()
  if state.is_open() then
    state.look(state.clock + state.first)
  end
  return { 'done' }
end

function entries.batch_drop()
  if state.get('tenant') then
    redis.call('ZREM', key_batches, state.place())
  end
  redis.call('ZREM', key_batches_due, arg_id)
  redis.call('UNLINK', key_batch, key_batch_lines)
  return { 'done' }
end

return entries[variant]()
