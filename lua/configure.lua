--- Registers the accounts, classes and targets of a cell by version: applied whole where the
--- cell's generation is still the one that the daemon has planned from, else not at all.
--- Leases and counts stay: a lowered limit drains; a removed account goes with the first registration
--- after its last lease has ended. A cell that does not exist yet begins here.
---
--- @entry configure
--- @key cell HASH see lib/cell.lua
--- @key requests HASH "tenant/id" -> lease record
--- @key finished HASH "tenant/id" -> how it ended, the younger generation
--- @key finished_before HASH "tenant/id" -> how it ended, the older generation
--- @key expiries ZSET ids by line -> cell time to look at them
--- @key accounts HASH account -> account record (lib/records.lua)
--- @key inflight HASH account -> leases in flight
--- @key targets HASH "pool TAB model" -> target record (lib/records.lua)
--- @key daemons ZSET daemon -> cell time of its last tick
--- @key replies HASH "daemon:slot" -> one of its last replies
--- @key set_aside HASH "tenant/id" -> a record that could not be decoded
--- @key waiters HASH "tenant/id" -> a parked acquire (waiting/waiters.lua)
--- @key line ZSET by member: "q" lines of waiters, "r" ready flows, "p" parked waiters
--- @key timers ZSET kind and name -> cell time at which something changes by itself
--- @key demands HASH targets -> number, "#" number -> targets
--- @key flows HASH pool, "pool TAB tenant" -> virtual times (waiting/flows.lua)
--- @key tenants HASH tenant -> its terms (tenants/tenants.lua)
--- @key tenant_state HASH tenant -> what its gates count
--- @key account_state HASH account -> its rates, and until when it rests
--- @key health HASH account -> what is wrong with it (breaker/conditions.lua)
--- @key breaker_history LIST the last changes
--- @key ledger HASH "scope TAB period" -> settled, reserved and more (budget/ledger.lua)
--- @key spend HASH "period TAB tenant TAB route TAB model" -> micro-units
--- @key run_spend HASH "tenant TAB run" -> micro-units
--- @key spend_runs ZSET "tenant TAB run" -> cell time of its last use
--- @key sessions HASH "tenant/digest" -> the account of a session, the younger generation
--- @key sessions_before HASH the same, the older generation
--- @key lanes HASH "tenant/digest" -> "tenant/id" of the request that owns the lane
--- @key registry STRING the registered configuration as JSON
--- @key class[] ZSET account -> place; those of the old registry and of the new
--- @key concurrency[] STRING in-flight requests of one (pool, model)
--- @key retired[] STRING counters that are not declared any more
--- @arg head packed generation to replace, the next, incarnation at least, recovery ms, clock (negative: the server's)
--- @arg server string run id of the Redis server, or empty
--- @arg name string names this registry and no other, ever
--- @arg registry string JSON, with the next generation
--- @arg accounts packed a name and a record in turn, each behind its length in two bytes
--- @arg targets packed the same
--- @arg tenants packed the same: those of the configuration
--- @arg budget packed the same: fields of the ledger
--- @reply configured generation
--- @reply stale generation
--- @include lib/server_clock.lua
--- @include lib/listed.lua
--- @include lib/breaker_terms.lua
--- @include lib/records.lua
--- @include breaker/conditions.lua
--- @include breaker/placing.lua
--- @include tenants/registering.lua

records.begin()
local expected, next_generation, incarnation, recovery_ms, clock = struct.unpack('<ddddd', arg_head)
local generation = tonumber(redis.call('HGET', key_cell, 'generation')) or 0
local layout = redis.call('HGET', key_cell, 'layout')
if generation ~= expected or generation > 0 and tonumber(layout or 0) ~= LAYOUT.version then
  return { 'stale', generation }
end

--- Fences must rise even over a total loss: the incarnation tells the minute in which the cell
--- began, the number of its first grant the part of that minute.
local function begin_cell()
  local first_grant = 0
  if clock < 0 then
    clock = server_clock.ms(clock)
    first_grant = clock % 60000 * FENCE.per_ms
  end
  local minutes = math.floor(clock / 60000) - FENCE.first_minute
  local first = math.max(1, minutes, incarnation + 1)
  redis.call('HSET', key_cell, 'layout', LAYOUT.version, 'incarnation', first, 'sequence', 0, 'now', clock, 'grants', first_grant,
    'touches', 0, 'recover_until', clock + recovery_ms, 'keep_until', clock + recovery_ms,
    'server', arg_server, 'rotate_at', clock)
end

local function keep_sentinels()
  for _, key in ipairs({ key_requests, key_finished, key_finished_before, key_accounts,
    key_inflight, key_targets, key_replies, key_set_aside, key_waiters, key_demands, key_flows,
    key_tenants, key_tenant_state, key_account_state, key_health, key_ledger, key_spend, key_run_spend,
    key_sessions, key_sessions_before, key_lanes }) do
    redis.call('HSET', key, SENTINEL.name, 0)
  end
  for _, key in ipairs({ key_expiries, key_daemons, key_timers, key_spend_runs }) do
    redis.call('ZADD', key, '+inf', SENTINEL.name)
  end
  redis.call('ZADD', key_line, 0, SENTINEL.name)
  if redis.call('EXISTS', key_breaker_history) == 0 then
    redis.call('RPUSH', key_breaker_history, SENTINEL.name)
  end
end

--- Accounts that are not configured any more stay, out of use, while they have leases.
local function retire(kept)
  for _, name in ipairs(redis.call('HKEYS', key_accounts)) do
    if not kept[name] and name ~= SENTINEL.name then
      if (tonumber(redis.call('HGET', key_inflight, name)) or 0) > 0 then
        local raw = redis.call('HGET', key_accounts, name)
        redis.call('HSET', key_accounts, name, string.sub(raw, 1, 1) .. '\0' .. string.sub(raw, 3))
      else
        redis.call('HDEL', key_accounts, name)
        redis.call('HDEL', key_inflight, name)
        redis.call('HDEL', key_health, name)
      end
    end
  end
end

--- Gives the account its record and its place; every class was emptied before.
local function place(name, raw)
  local before = redis.call('HGET', key_accounts, name)
  redis.call('HSET', key_accounts, name, raw)
  redis.call('HSETNX', key_inflight, name, 0)
  local account = records.read_account(name, raw)
  account[ACCOUNT.in_flight] = tonumber(redis.call('HGET', key_inflight, name))
  -- One that rests takes its place when its timer comes due, at the next tick.
  if account[ACCOUNT.rates] then
    redis.call('ZADD', key_timers, 'NX', 0, 'a' .. name)
  end
  local class, is_blocked = placing.of(account, before, raw)
  if account[ACCOUNT.in_flight] < account[ACCOUNT.limit] and not is_blocked then
    redis.call('ZADD', key_class(class), records.load_ratio(account) * LOAD.touches, name)
  end
end

--- A configuration replaces its own tenants; those of the admin API stay, unless it names them too.
local function register_tenants(terms)
  local all, before, new = redis.call('HGETALL', key_tenants), {}, {}
  for i = 1, #all, 2 do
    before[all[i]] = true
    if all[i] ~= SENTINEL.name and math.floor(string.byte(all[i + 1], 2) / 2) % 2 == 0 then
      redis.call('HDEL', key_tenants, all[i])
      registering.look_again(all[i])
    end
  end
  for i = 1, #terms, 2 do
    redis.call('HSET', key_tenants, terms[i], terms[i + 1])
    registering.look_again(terms[i])
    new[terms[i]] = not before[terms[i]] or nil
  end
  registering.count(new)
  redis.call('HSET', key_cell, 'tenants', redis.call('HLEN', key_tenants) - 1, 'admission', arg_name)
end

if generation == 0 then
  begin_cell()
end
keep_sentinels()
local accounts, targets = listed.texts(arg_accounts), listed.texts(arg_targets)
local kept = {}
for i = 1, #accounts, 2 do
  kept[accounts[i]] = true
end
retire(kept)
for i = 0, class_count - 1 do
  redis.call('DEL', key_class(i))
  redis.call('ZADD', key_class(i), '+inf', SENTINEL.name)
end
for i = 1, #accounts, 2 do
  place(accounts[i], accounts[i + 1])
end
redis.call('DEL', key_targets)
redis.call('HSET', key_targets, SENTINEL.name, 0)
listed.store(key_targets, targets)
for i = 0, concurrency_count - 1 do
  redis.call('SETNX', key_concurrency(i), 0)
end
for i = 0, retired_count - 1 do
  redis.call('DEL', key_retired(i))
end
register_tenants(listed.texts(arg_tenants))
listed.store(key_ledger, listed.texts(arg_budget))
redis.call('SET', key_registry, arg_registry)
redis.call('HSET', key_cell, 'generation', next_generation, 'registry', arg_name, 'touches', 0)
return { 'configured', next_generation }
