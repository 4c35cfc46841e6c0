-- A cut in two steps with a model between them: what it is asked about, and the move of exactly those
-- messages. Compare-and-set: the move is refused once anything else has been taken from the buffer, or
-- a later holder of the lane has looked.

--- Flat: id and message in turn.
local function flat(entries)
  local words = {}
  for i = 1, #entries do
    words[2 * i - 1], words[2 * i] = entries[i][2][2], entries[i][2][4]
  end
  return words
end

--- snapshot, version, failures so far, number of its last message, then id and message in turn;
--- idle where nothing is to be asked now; stale for a holder of the lane that is not the last one.
function cut.snapshot()
  if not state.exists or not state.waits_for_cut() then
    redis.call('ZREM', key_journal_due, arg_name)
    return { 'idle' }
  end
  if settings.fence < state.fence then
    return { 'stale' }
  end
  if state.not_before > settings.clock then
    return { 'idle' }
  end
  state.fence = settings.fence
  state.write()
  -- Should the caller die, somebody else tries again then.
  redis.call('ZADD', key_journal_due, settings.clock + settings.claim_ms, arg_name)
  local entries = redis.call('XRANGE', key_journal_buffer, '-', '+', 'COUNT', settings.most)
  local last = tonumber(string.match(entries[#entries][1], '^%d+'))
  return { 'snapshot', state.version, state.failures, last, unpack(flat(entries)) }
end

--- The messages that a cell takes, as the buffer has them; nil where one of them is not there.
local function find(from, count)
  local found = {}
  for i = from, from + count - 1 do
    local number = redis.call('HGET', key_journal_ids, arg_word(i))
    local entry = number and redis.call('XRANGE', key_journal_buffer, number, number)[1]
    if not entry then
      return nil
    end
    found[#found + 1] = entry
  end
  return found
end

--- Of each cell: its JSON, how many messages it takes, and their ids.
local function find_cells()
  local cells, at = {}, 1
  while at <= settings.words do
    local count = tonumber(arg_word(at + 1))
    local messages = find(at + 2, count)
    if not messages then
      return nil
    end
    cells[#cells + 1] = { json = arg_word(at), messages = messages }
    at = at + 2 + count
  end
  return cells
end

--- Moves them into a cell of their own.
function cut.move(json, messages)
  state.cells = state.cells + 1
  for place, entry in ipairs(messages) do
    local id, message = entry[2][2], entry[2][4]
    local at = state.cells .. '-' .. place
    redis.call('XADD', key_journal_celled, at, 'id', id, 'm', message)
    redis.call('XDEL', key_journal_buffer, entry[1])
  end
  local about = string.format('%d %.0f %s', #messages, settings.clock, json)
  redis.call('HSET', key_journal_cells, state.cells, about)
  state.buffered = state.buffered - #messages
end

--- cut, how many cells there are now, how many messages are left, whether a cut is due again; or stale.
function cut.run()
  local is_ours = settings.version == state.version and settings.fence == state.fence
  local cells = state.exists and is_ours and find_cells()
  if not cells then
    return { 'stale' }
  end
  for _, one in ipairs(cells) do
    cut.move(one.json, one.messages)
  end
  state.version, state.asked = state.version + 1, math.max(state.asked, settings.after)
  state.failures, state.not_before = 0, 0
  state.write()
  state.settle_due()
  return { 'cut', state.cells, state.buffered, state.waits_for_cut() and 1 or 0 }
end
