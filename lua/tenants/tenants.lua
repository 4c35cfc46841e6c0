-- The view of tenants (TENANT): their terms, as the cell has registered them, and one record each
-- of what all of their gates count. A tenant that nobody has registered has no limits and weight 1.
local known, epoch
local changed, changes, words = {}, 0, {} -- kept lists, see lib/order.lua
local find, sub

--- Terms: schema, flags, weight, slots, then interval and burst in ms of requests and of tokens,
--- budget (stop, warn, period), and the reserved slots by pool.
local TERMS = '<BBI4I4ddddddB'
local NO_LIMIT = 0

function tenants.begin()
  known = memory.of('tenants', cell.admission)
  epoch, changes = memory.epoch, 0
  find, sub = string.find, string.sub
end

local function read_reserved(raw, at)
  local reserved
  while at <= #raw do
    local pool, slots
    pool, slots, at = struct.unpack('<Bc0I4', raw, at)
    reserved = reserved or {}
    reserved[pool] = slots
  end
  return reserved or false
end

local function per_minute(interval)
  return interval > 0 and math.floor(60000 / interval + 0.5) or 0
end

--- A tenant (TENANT), or false for terms that cannot be decoded.
local function read_terms(name, raw)
  if not raw or #raw < TENANTS.terms or string.byte(raw, 1) ~= 1 then
    return false
  end
  local _, flags, weight, slots, interval, burst, token_interval, token_burst, stop, warn, period, at =
    struct.unpack(TERMS, raw)
  return { name, -1, false, weight, slots, interval, burst, token_interval, token_burst, stop, warn,
    period, read_reserved(raw, at), flags % 2 == 1, 0, 0, 0, false,
    per_minute(interval), per_minute(token_interval) }
end

local function read_state(tenant, raw)
  if raw and #raw >= TENANTS.state then
    local in_flight, requests_at, tokens_at, blocked = struct.unpack('<I4ddB', raw)
    tenant[TENANT.in_flight], tenant[TENANT.requests_at] = in_flight, requests_at
    tenant[TENANT.tokens_at], tenant[TENANT.blocked] = tokens_at, blocked == 1
  else
    tenant[TENANT.in_flight], tenant[TENANT.requests_at] = 0, 0
    tenant[TENANT.tokens_at], tenant[TENANT.blocked] = 0, false
  end
  tenant[TENANT.epoch], tenant[TENANT.changed] = epoch, false
end

--- The tenant's name in "tenant/id".
function tenants.name_in(id)
  return sub(id, 1, (find(id, '/', 1, true) or 1) - 1)
end

--- The tenant, or nil where the cell has not registered one of this name.
function tenants.get(name)
  if cell.tenants == NO_LIMIT then
    return nil
  end
  local tenant = known[name]
  if tenant == nil then
    tenant = read_terms(name, redis.call('HGET', key_tenants, name))
    known[name] = tenant
  end
  if tenant and tenant[TENANT.epoch] ~= epoch then
    read_state(tenant, redis.call('HGET', key_tenant_state, name))
  end
  return tenant or nil
end

--- What the tenant's gates count has changed.
function tenants.changed(tenant)
  if not tenant[TENANT.changed] then
    tenant[TENANT.changed], changes = true, changes + 1
    changed[changes] = tenant
  end
end

function tenants.commit()
  local pack = struct.pack
  for i = 1, changes do
    local tenant = changed[i]
    tenant[TENANT.changed] = false
    words[2 * i - 1] = tenant[TENANT.name]
    words[2 * i] = pack('<I4ddB', tenant[TENANT.in_flight], tenant[TENANT.requests_at],
      tenant[TENANT.tokens_at], tenant[TENANT.blocked] and 1 or 0)
  end
  commit.write('HSET', key_tenant_state, words, 2 * changes)
end
