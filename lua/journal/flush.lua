-- Makes one cell of all that is buffered, without asking a model. A cut that is under way is stale then.

--- flushed, how many messages, number of the cell (0 where there was nothing).
function flush.run()
  local entries = redis.call('XRANGE', key_journal_buffer, '-', '+')
  if #entries == 0 then
    return { 'flushed', 0, 0 }
  end
  cut.move(arg_word(1), entries)
  state.version, state.asked = state.version + 1, state.last
  state.failures, state.not_before = 0, 0
  state.write()
  state.settle_due()
  return { 'flushed', #entries, state.cells }
end
