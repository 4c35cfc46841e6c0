-- Rule: requests and tokens a minute of a tenant (lib/gcra.lua). Tokens are charged by the estimate
-- and corrected at the release. A request that is refused, or waits, charges nothing.

tenant_rates.none = '\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0'
local function wait_of(tenant, tokens)
  local now, wait = cell.now, 0
  if tenant[TENANT.interval] > 0 then
    wait = gcra.wait(tenant[TENANT.requests_at], now, tenant[TENANT.interval], tenant[TENANT.burst], 1)
  end
  if tenant[TENANT.token_interval] > 0 and wait >= 0 then
    local tokens_wait = gcra.wait(tenant[TENANT.tokens_at], now, tenant[TENANT.token_interval],
      tenant[TENANT.token_burst], tokens)
    wait = tokens_wait < 0 and -1 or math.max(wait, tokens_wait)
  end
  return wait
end

--- An estimate above the whole burst is refused for good, whatever the tenant's terms say of waiting.
function tenant_rates.admit(op, tenant)
  if not tenant then
    return
  end
  local wait = wait_of(tenant, operations.batch[op + OP.tokens])
  if wait ~= 0 then
    return REASON.tenant_rate, wait, wait > 0 and tenant[TENANT.waits]
  end
end

function tenant_rates.charge(_, _, op, tenant)
  if not tenant then
    return
  end
  local now = cell.now
  if tenant[TENANT.interval] > 0 then
    tenant[TENANT.requests_at] =
      gcra.take(tenant[TENANT.requests_at], now, tenant[TENANT.interval], 1)
    tenants.changed(tenant)
  end
  if tenant[TENANT.token_interval] > 0 then
    tenant[TENANT.tokens_at] = gcra.take(tenant[TENANT.tokens_at], now,
      tenant[TENANT.token_interval], operations.batch[op + OP.tokens])
    tenants.changed(tenant)
  end
end

--- What was used replaces the estimate, where it is told; an unclaimed grant used nothing.
function tenant_rates.settle(lease, _, op, tenant)
  local unclaimed = records.state(lease) == STATE.granted
  local is_told = unclaimed or op and uses.tells_tokens(op)
  if not tenant or tenant[TENANT.token_interval] == 0 or not is_told then
    return
  end
  local used = unclaimed and 0 or operations.batch[op + OP.tokens]
  local more = used - charges.tokens(lease)
  tenant[TENANT.tokens_at] =
    gcra.take(tenant[TENANT.tokens_at], cell.now, tenant[TENANT.token_interval], more)
  tenants.changed(tenant)
end

local function packed(tat, interval, burst)
  if interval == 0 then
    return struct.pack('<I4I4I4', 0, 0, 0)
  end
  local left, full_in = gcra.left(tat, cell.now, interval, burst)
  return struct.pack('<I4I4I4', math.floor(60000 / interval + 0.5), left, math.ceil(full_in))
end

--- What is left of the tenant's rates, 24 bytes: limit, remaining and ms until all is left again,
--- of requests and of tokens.
function tenant_rates.limits(tenant)
  if not tenant then
    return tenant_rates.none
  end
  return packed(tenant[TENANT.requests_at], tenant[TENANT.interval], tenant[TENANT.burst])
    .. packed(tenant[TENANT.tokens_at], tenant[TENANT.token_interval], tenant[TENANT.token_burst])
end

function tenant_rates.has(tenant)
  return tenant and (tenant[TENANT.interval] > 0 or tenant[TENANT.token_interval] > 0)
end
