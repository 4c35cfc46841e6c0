-- Rule: a tenant's share of contended capacity follows its weight (waiting/flows.lua). It refuses
-- nothing: it counts who was served how much, so that waiters are served in a fair order. Where
-- nobody is registered and nobody waits there is nothing to share.

function fair_share.charge(lease, _, _, tenant, id, home)
  if tenant or home and cell.waiting > 0 then
    local flow = flows.of(home, tenants.name_in(id))
    lease[LEASE.charged], lease[LEASE.pool] = flows.charge(flow), home
  end
end

function fair_share.settle(lease, _, _, _, id)
  local pool, charged, held = records.share(lease, cell.now)
  if pool then
    local claimed = records.state(lease) == STATE.leased
    flows.settle(flows.of(pool, tenants.name_in(id)), claimed and held or 0, charged, claimed)
  end
end
