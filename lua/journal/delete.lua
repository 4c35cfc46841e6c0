-- Forgets a session: its messages, its cells, and that it ever was.

--- deleted, how many messages it had.
function delete.run()
  local accepted = redis.call('HLEN', key_journal_ids)
  redis.call('UNLINK', key_journal_head, key_journal_ids, key_journal_buffer, key_journal_cells,
    key_journal_celled)
  redis.call('ZREM', key_journal_sessions, arg_name)
  redis.call('ZREM', key_journal_due, arg_name)
  return { 'deleted', accepted }
end
