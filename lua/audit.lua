--- Compares what the counters and the index say with what the leases say, in one atomic look.
--- Writes nothing. Looks at no more than `most` leases: beyond that it says how many there are.
---
--- @entry audit
--- @key cell HASH see lib/cell.lua
--- @key requests HASH "tenant/id" -> lease record (lib/records.lua)
--- @key expiries ZSET ids by line -> cell time to look at them
--- @key accounts HASH account -> account record (lib/records.lua)
--- @key inflight HASH account -> leases in flight
--- @key set_aside HASH "tenant/id" -> a record that could not be decoded
--- @key waiters HASH "tenant/id" -> a parked acquire
--- @key line ZSET lines of waiters, ready flows, parked waiters
--- @key flows HASH "pool TAB tenant" -> virtual times
--- @key tenants HASH tenant -> its terms
--- @key tenant_state HASH tenant -> what its gates count
--- @key account_state HASH account -> its rates, and until when it rests
--- @key health HASH account -> what is wrong with it (breaker/conditions.lua)
--- @key ledger HASH "scope TAB period" -> settled, reserved and more
--- @key lanes HASH "tenant/digest" -> "tenant/id" of the request that owns the lane
--- @key class[] ZSET account -> place
--- @key concurrency[] STRING in-flight requests of one (pool, model)
--- @arg head packed most, ms for which an expired lease may wait for its reaping
--- @reply audited leases, then for each difference: where, name, expected, found
--- @reply too_many leases
--- @include lib/server_clock.lua
--- @include lib/breaker_terms.lua
--- @include lib/records.lua
--- @include breaker/conditions.lua
--- @include breaker/checking.lua
--- @include lib/charges.lua
--- @include sessions/lane_check.lua
--- @include waiting/line_check.lua

records.begin()
charges.begin()
checking.begin()
lane_check.begin()
line_check.begin()
local most, patience_ms = struct.unpack('<dd', arg_head)
local differences = {}

local function compare(where, name, expected, found)
  if expected ~= found and #differences < AUDIT.words then
    for _, word in ipairs({ where, name, expected, found }) do
      differences[#differences + 1] = word
    end
  end
end

local function each(key, look)
  local all = redis.call('HGETALL', key)
  for i = 1, #all, 2 do
    if all[i] ~= SENTINEL.name then
      look(all[i], all[i + 1])
    end
  end
end

local size = redis.call('HLEN', key_requests) - 1
if size > most then
  return { 'too_many', size }
end

local last, keep_until = unpack(redis.call('HMGET', key_cell, 'now', 'keep_until'))
local now = math.max(tonumber(last) or 0, server_clock.ms(-1))
local unreaped_before = math.max(now, tonumber(keep_until) or 0) - patience_ms

local by_account, by_model, count = {}, {}, 0
local by_tenant, by_flow, by_scope = {}, {}, {}

local function add(sums, name, by)
  sums[name] = (sums[name] or 0) + by
end

--- What the rules should have counted of a lease.
local function count_rules(id, lease)
  local tenant = string.match(id, '^[^/]*')
  charges.read(lease)
  add(by_tenant, tenant, 1)
  if lease[LEASE.pool] and lease[LEASE.charged] ~= PACKED.uncharged then
    add(by_flow, lease[LEASE.pool] .. '\t' .. tenant, 1)
  end
  for scope, period in pairs({ ['*'] = lease[LEASE.period], [tenant] = lease[LEASE.tenant_period] }) do
    if period ~= PACKED.no_period then
      add(by_scope, string.format('%s\t%.0f', scope, period * 1000), lease[LEASE.reserve])
    end
  end
end

each(key_requests, function(id, raw)
  local lease = records.read_lease(raw)
  if not lease then
    return compare('undecodable', id, 0, 1)
  end
  count = count + 1
  lane_check.see(id, lease)
  line_check.see_lease(id, lease)
  compare('unreaped', id, 0, records.expires_at(lease) < unreaped_before and 1 or 0)
  if lease[LEASE.account] == '' then
    return
  end
  count_rules(id, lease)
  if records.state(lease) ~= STATE.moving then
    add(by_account, lease[LEASE.account], 1)
    add(by_model, lease[LEASE.model], 1)
    checking.see(lease)
  end
end)

each(key_inflight, function(name, found)
  compare('inflight', name, by_account[name] or 0, tonumber(found) or -1)
  by_account[name] = nil
end)
for name, expected in pairs(by_account) do
  compare('inflight', name, expected, 0)
end
for i = 0, concurrency_count - 1 do
  compare('concurrency', key_concurrency(i), by_model[i] or 0,
    tonumber(redis.call('GET', key_concurrency(i)) or 0))
end

--- One that rests may still stand in its class: it is passed over there.
local function is_resting(account)
  local raw = account[ACCOUNT.rates] and redis.call('HGET', key_account_state, account[ACCOUNT.name])
  local _, _, rest = struct.unpack('<ddd', raw or string.rep('\0', 24))
  return rest > 0 and rest > now - patience_ms
end

each(key_accounts, function(name, raw)
  local in_flight = tonumber(redis.call('HGET', key_inflight, name) or 0)
  local account = records.read_account(name, raw)
  if not account then
    return compare('undecodable', name, 0, 1)
  end
  account[ACCOUNT.in_flight] = in_flight
  local class, in_index = account[ACCOUNT.class], in_flight < account[ACCOUNT.limit]
  local _, _, _, _, limit = struct.unpack('<BBI2I4I4', raw)
  compare('above_limit', name, 0, math.max(0, in_flight - limit))
  local place, is_blocked, is_changing = checking.place(account, now, patience_ms, compare)
  if is_resting(account) or is_changing then
    return
  end
  class, in_index = place, in_index and not is_blocked
  local score = class < class_count and redis.call('ZSCORE', key_class(class), name)
  compare('index', name, in_index and 1 or 0, score and 1 or 0)
  if score and in_index then
    compare('load', name, records.load_ratio(account), math.floor(tonumber(score) / LOAD.touches))
  end
end)
each(key_tenant_state, function(name, raw)
  if redis.call('HEXISTS', key_tenants, name) == 1 then
    compare('tenant', name, by_tenant[name] or 0, (struct.unpack('<I4', raw)))
  end
end)
each(key_flows, function(name, raw)
  if string.find(name, '\t', 1, true) then
    compare('flow', name, by_flow[name] or 0, (struct.unpack('<I4', raw, 33)))
  end
end)
each(key_ledger, function(field, raw)
  if string.find(field, '\t', 1, true) then
    compare('reserved', field, by_scope[field] or 0, (struct.unpack('<d', raw, 9)))
  end
end)

line_check.run(each, compare)
lane_check.run(each, compare)
compare('set_aside', 'records', 0, redis.call('HLEN', key_set_aside) - 1)
return { 'audited', count, unpack(differences) }
