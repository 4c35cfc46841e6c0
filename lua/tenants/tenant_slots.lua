-- Rule: a tenant holds no more slots than its terms allow, over all pools. Beyond that its requests
-- wait: the end of one of its own leases lets the next one in.

function tenant_slots.admit(_, tenant)
  local most = tenant and tenant[TENANT.slots] or 0
  if most > 0 and tenant[TENANT.in_flight] >= most then
    return REASON.tenant_concurrency, 0, true
  end
end

function tenant_slots.charge(_, _, _, tenant)
  if tenant then
    tenant[TENANT.in_flight] = tenant[TENANT.in_flight] + 1
  end
end

function tenant_slots.settle(_, _, _, tenant)
  if not tenant then
    return
  end
  if tenant[TENANT.in_flight] > 0 then
    tenant[TENANT.in_flight] = tenant[TENANT.in_flight] - 1
  end
  if tenant[TENANT.blocked] then
    parking.unblock(tenant)
  end
end
