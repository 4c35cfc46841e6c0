-- Whether the ids that were accepted are those of the buffer and the cells, each once. It changes nothing.

--- checked, how many were accepted, are there, are there more than once, were never accepted.
function check.run()
  local seen, there, twice, strange = {}, 0, 0, 0
  local function look(entries)
    for i = 1, #entries do
      local id = entries[i][2][2]
      if seen[id] then
        twice = twice + 1
      elseif redis.call('HEXISTS', key_journal_ids, id) == 0 then
        strange = strange + 1
      else
        there = there + 1
      end
      seen[id] = true
    end
  end
  look(redis.call('XRANGE', key_journal_buffer, '-', '+'))
  look(redis.call('XRANGE', key_journal_celled, '-', '+'))
  return { 'checked', redis.call('HLEN', key_journal_ids), there, twice, strange }
end
