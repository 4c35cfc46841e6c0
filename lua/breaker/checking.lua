-- What an audit asks of the health of accounts. Writes nothing.
local fences = {} -- "account model" -> fences of its leases

function checking.begin()
  fences = {}
end

--- One lease of all.
function checking.see(lease)
  local name = lease[LEASE.account] .. ' ' .. lease[LEASE.model]
  fences[name] = fences[name] or {}
  table.insert(fences[name], lease[LEASE.fence])
end

--- What was granted since the last change of a breaker: nothing while it is open, one probe after.
local function probes_of(account, entry)
  local count = 0
  for _, fence in ipairs(fences[account[ACCOUNT.name] .. ' ' .. entry.model] or {}) do
    count = count + (fence > entry.since and 1 or 0)
  end
  return count
end

local function check_probes(account, record, compare)
  for _, entry in pairs(record.entries) do
    if entry.state ~= BREAKER.closed then
      compare('probes', account[ACCOUNT.name], entry.probe > 0 and 1 or 0, probes_of(account, entry))
    end
  end
end

--- The class that the account belongs to, whether it is blocked, and whether that is changing just now.
function checking.place(account, now, patience_ms, compare)
  local raw, terms = redis.call('HGET', key_health, account[ACCOUNT.name]), account[ACCOUNT.breaker]
  local record, home = raw and terms and conditions.read(raw), account[ACCOUNT.class]
  if not record then
    return home, false, false
  end
  check_probes(account, record, compare)
  local class, is_blocked = conditions.place(terms, record, home, now)
  local earlier_class, was_blocked = conditions.place(terms, record, home, now - patience_ms)
  return class, is_blocked, class ~= earlier_class or is_blocked ~= was_blocked
end
