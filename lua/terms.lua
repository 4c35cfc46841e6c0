--- Registers the terms of one tenant, or takes them back; never those of the configuration.
---
--- @entry terms_put
--- @entry terms_remove
--- @key cell HASH see lib/cell.lua
--- @key tenants HASH tenant -> its terms (tenants/tenants.lua)
--- @arg name string
--- @arg terms packed see tenants/tenants.lua
--- @arg version string names this state of the terms and no other, ever
--- @reply done
--- @reply configured

local known = redis.call('HGET', key_tenants, arg_name)
if known and math.floor(string.byte(known, 2) / 2) % 2 == 0 then
  return 'configured'
end
if variant == 'terms_put' then
  redis.call('HSET', key_tenants, SENTINEL.name, 0, arg_name, arg_terms)
else
  redis.call('HDEL', key_tenants, arg_name)
end
redis.call('HSET', key_cell, 'tenants', redis.call('HLEN', key_tenants) - 1, 'admission', arg_version)
return 'done'
