-- Rule: requests and tokens a minute of a tenant (lib/gcra.lua). Tokens are charged by the estimate
-- and corrected at the release. A request that is refused, or waits, charges nothing.
local wait_of, take, left_of = gcra.wait, gcra.take, gcra.left

tenant_rates.none = '\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0'

--- An estimate above the whole burst is refused for good, whatever the tenant's terms say of waiting.
function tenant_rates.admit(op, tenant)
  if not tenant then
    return
  end
  local now, wait = cell.now, 0
  if tenant[TENANT.interval] > 0 then
    wait = wait_of(tenant[TENANT.requests_at], now, tenant[TENANT.interval], tenant[TENANT.burst], 1)
  end
  if tenant[TENANT.token_interval] > 0 and wait >= 0 then
    local tokens_wait = wait_of(tenant[TENANT.tokens_at], now, tenant[TENANT.token_interval],
      tenant[TENANT.token_burst], operations.batch[op + OP.tokens])
    wait = tokens_wait < 0 and -1 or tokens_wait > wait and tokens_wait or wait
  end
  if wait ~= 0 then
    return REASON.tenant_rate, wait, wait > 0 and tenant[TENANT.waits]
  end
end

function tenant_rates.charge(_, _, op, tenant)
  if not tenant then
    return
  end
  if tenant[TENANT.interval] > 0 then
    tenant[TENANT.requests_at] =
      take(tenant[TENANT.requests_at], cell.now, tenant[TENANT.interval], 1)
  end
  if tenant[TENANT.token_interval] > 0 then
    tenant[TENANT.tokens_at] = take(tenant[TENANT.tokens_at], cell.now,
      tenant[TENANT.token_interval], operations.batch[op + OP.tokens])
  end
end

--- What was used replaces the estimate, where it is told; else an unclaimed grant used nothing.
function tenant_rates.settle(lease, _, op, tenant)
  if not tenant or tenant[TENANT.token_interval] == 0 then
    return
  end
  local told = op and uses.tells_tokens(op)
  if told or lease[LEASE.state] == STATE.granted then
    local used = told and operations.batch[op + OP.tokens] or 0
    tenant[TENANT.tokens_at] = take(tenant[TENANT.tokens_at], cell.now,
      tenant[TENANT.token_interval], used - lease[LEASE.tokens])
  end
end

--- What is left of the tenant's rates, 24 bytes: the limit a minute, the units that remain and the ms
--- until all of them do, of requests and of tokens.
function tenant_rates.limits(tenant)
  if not tenant then
    return tenant_rates.none
  end
  local units, tokens, full_in, tokens_full_in = 0, 0, 0, 0
  if tenant[TENANT.interval] > 0 then
    units, full_in =
      left_of(tenant[TENANT.requests_at], cell.now, tenant[TENANT.interval], tenant[TENANT.burst])
  end
  if tenant[TENANT.token_interval] > 0 then
    tokens, tokens_full_in = left_of(tenant[TENANT.tokens_at], cell.now,
      tenant[TENANT.token_interval], tenant[TENANT.token_burst])
  end
  return struct.pack('<I4I4I4I4I4I4', tenant[TENANT.per_minute], units, full_in,
    tenant[TENANT.tokens_per_minute], tokens, tokens_full_in)
end

function tenant_rates.has(tenant)
  return tenant and (tenant[TENANT.interval] > 0 or tenant[TENANT.token_interval] > 0)
end
