-- Refuses what somebody writes as a leader who is not the leader any more: a process that was stopped
-- resumes with its writes under way. Needs @key leader, @arg holder and @arg term, which name the
-- writer's tenure; its lease may have ended, but nobody else may have had one since.

--- A reply to give instead of writing, or nil.
function fence.refuse()
  local lease = redis.call('HMGET', key_leader, 'term', 'holder')
  if lease[1] ~= arg_term or lease[2] ~= arg_holder then
    return { 'fenced', lease[1] or '0', lease[2] or '' }
  end
end
