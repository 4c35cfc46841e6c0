--- Changes one entry of the directory, or of another such HASH, if it still is what the caller has seen; nothing otherwise. So
--- of two changes to one entry the later one is refused, and none brings back what was removed.
---
--- @entry directory
--- @key directory HASH kind and name -> JSON (tenants/entry.ts, rollout/); version -> word of the last change
--- @arg head packed entries at most
--- @arg field string the entry
--- @arg seen string what the caller knows it to be; empty for an entry that is not there
--- @arg value string what it shall be; empty to remove it
--- @arg version string a word that no other change has
--- @reply changed
--- @reply differs
--- @reply full

local most = struct.unpack('<d', arg_head)
-- Beside the entries: the sentinel and the version.
local others = 2

local found = redis.call('HGET', key_directory, arg_field) or ''
if found ~= arg_seen then
  return { 'differs' }
end
if found == '' and arg_value ~= '' and redis.call('HLEN', key_directory) - others >= most then
  return { 'full' }
end

redis.call('HSET', key_directory, SENTINEL.name, '', 'version', arg_version)
if arg_value == '' then
  redis.call('HDEL', key_directory, arg_field)
else
  redis.call('HSET', key_directory, arg_field, arg_value)
end
return { 'changed' }
