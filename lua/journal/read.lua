-- Pages of a session: what is buffered, its cells, the messages of a cell, and the last messages of all.
-- It changes nothing.

--- Flat: place, id and message in turn.
local function flat(words, entries, part)
  for i = 1, #entries do
    local major, minor = string.match(entries[i][1], '^(%d+)-(%d+)$')
    words[#words + 1] = part == 'minor' and minor or major
    words[#words + 1], words[#words + 2] = entries[i][2][2], entries[i][2][4]
  end
  return words
end

local function due_at()
  local at = tonumber(redis.call('ZSCORE', key_journal_due, arg_name) or '')
  return string.format('%.0f', at or 0)
end

--- buffer, how many were accepted, are buffered, cells there are, when a cut is due (0: it is not), how
--- often it has failed in a row, why; then place, id and message in turn.
function read.buffer()
  local why = state.failures > 0 and redis.call('HGET', key_journal_head, 'why') or ''
  local words = { 'buffer', redis.call('HLEN', key_journal_ids), state.buffered, state.cells,
    due_at(), state.failures, why }
  local from = string.format('(%.0f-0', settings.after)
  return flat(words, redis.call('XRANGE', key_journal_buffer, from, '+', 'COUNT', settings.most))
end

--- cells, how many there are, then number and what is said of it in turn.
function read.cells()
  local words, numbers = { 'cells', state.cells }, {}
  for number = settings.after + 1, math.min(settings.after + settings.most, state.cells) do
    numbers[#numbers + 1] = number
  end
  local found = #numbers > 0 and redis.call('HMGET', key_journal_cells, unpack(numbers)) or {}
  for i = 1, #numbers do
    words[#words + 1], words[#words + 2] = numbers[i], found[i] or ''
  end
  return words
end

--- celled, then place, id and message in turn.
function read.celled()
  local from = string.format('(%.0f-%.0f', settings.cell, settings.after)
  local to = string.format('%.0f', settings.cell)
  local entries = redis.call('XRANGE', key_journal_celled, from, to, 'COUNT', settings.most)
  return flat({ 'celled' }, entries, 'minor')
end

--- history, then place, id and message in turn, the latest first.
function read.history()
  local most = settings.most
  local words = { 'history' }
  local buffered = redis.call('XREVRANGE', key_journal_buffer, '+', '-', 'COUNT', most)
  flat(words, buffered)
  if #buffered < most then
    local left = most - #buffered
    flat(words, redis.call('XREVRANGE', key_journal_celled, '+', '-', 'COUNT', left))
  end
  return words
end
