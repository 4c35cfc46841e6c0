--- A leader's write, for tests: it goes to the end of a list, with its term.
---
--- @entry fenced_note
--- @key leader HASH see leader.lua
--- @key notes LIST terms, in the order of their writes
--- @arg holder string the daemon that writes
--- @arg term string its term
--- @reply fenced term holder
--- @reply noted
--- @include leader/fence.lua

local refusal = fence.refuse()
if refusal then
  return refusal
end
redis.call('RPUSH', key_notes, arg_holder .. ' ' .. arg_term)
return { 'noted' }
