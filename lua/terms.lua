--- Registers the terms of one tenant, or takes them back; never those of the configuration.
---
--- @entry terms_put
--- @entry terms_remove
--- @key cell HASH see lib/cell.lua
--- @key tenants HASH tenant -> its terms (tenants/tenants.lua)
--- @key requests HASH "tenant/id" -> lease record
--- @key tenant_state HASH tenant -> what its gates count
--- @key timers ZSET kind and name -> cell time at which something changes by itself
--- @arg name string
--- @arg terms packed see tenants/tenants.lua
--- @arg version string names this state of the terms and no other, ever
--- @reply done
--- @reply configured
--- @include tenants/registering.lua

local known = redis.call('HGET', key_tenants, arg_name)
if known and math.floor(string.byte(known, 2) / 2) % 2 == 0 then
  return 'configured'
end
if variant == 'terms_put' then
  redis.call('HSET', key_tenants, SENTINEL.name, 0, arg_name, arg_terms)
  registering.count(known and {} or { [arg_name] = true })
else
  redis.call('HDEL', key_tenants, arg_name)
  redis.call('HDEL', key_tenant_state, arg_name)
end
registering.look_again(arg_name)
redis.call('HSET', key_cell, 'tenants', redis.call('HLEN', key_tenants) - 1, 'admission', arg_version)
return 'done'
