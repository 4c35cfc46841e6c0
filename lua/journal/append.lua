-- Takes messages in, each id once. Refuses them all where the buffer or the session would hold too many.

--- Numbers of the messages that are known, by their place; false for the others.
local function known_numbers()
  local ids = {}
  for i = 1, settings.words, 2 do
    ids[#ids + 1] = arg_word(i)
  end
  return ids, redis.call('HMGET', key_journal_ids, unpack(ids))
end

--- Places of the first of each id that is new.
local function find_fresh(ids, numbers)
  local fresh, seen = {}, {}
  for i = 1, #ids do
    if not numbers[i] and not seen[ids[i]] then
      seen[ids[i]] = true
      fresh[#fresh + 1] = i
    end
  end
  return fresh
end

local function store(ids, fresh)
  for _, place in ipairs(fresh) do
    state.last = state.last + 1
    local message = arg_word(2 * place)
    redis.call('XADD', key_journal_buffer, state.last .. '-0', 'id', ids[place], 'm', message)
    redis.call('HSET', key_journal_ids, ids[place], state.last)
  end
  state.buffered = state.buffered + #fresh
  state.write()
end

--- Due for a cut now; what was put off, or is being cut, keeps its time.
local function is_due()
  if not state.waits_for_cut() then
    return 0
  end
  redis.call('ZADD', key_journal_due, 'NX', settings.clock, arg_name, '+inf', SENTINEL.name)
  return tonumber(redis.call('ZSCORE', key_journal_due, arg_name)) <= settings.clock and 1 or 0
end

--- appended, how many are new, how many are buffered, whether a cut is due, then the numbers of all.
function append.run()
  local ids, numbers = known_numbers()
  local fresh = find_fresh(ids, numbers)
  local accepted = redis.call('HLEN', key_journal_ids)
  if #fresh > 0 and accepted + #fresh > settings.max_messages then
    return { 'exhausted', accepted }
  end
  if #fresh > 0 and state.buffered + #fresh > settings.max_buffered then
    return { 'full', state.buffered }
  end
  if #fresh > 0 then
    store(ids, fresh)
    numbers = redis.call('HMGET', key_journal_ids, unpack(ids))
  end
  return { 'appended', #fresh, state.buffered, is_due(), unpack(numbers) }
end
