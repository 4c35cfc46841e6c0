-- Reads what is stored of troubled accounts: all at once, and only when memory begins anew, so that
-- nobody is asked about an account that is well. They are as many as the configuration has at most.

--- Records by account, and the accounts' names. One that cannot be decoded is set aside and its traffic
--- goes on: a breaker that cannot be read protects nobody.
function troubled.read()
  local all, found, names = redis.call('HGETALL', key_health), {}, {}
  for i = 1, #all, 2 do
    local name, raw = all[i], all[i + 1]
    local record = name ~= SENTINEL.name and conditions.read(raw)
    if record then
      found[name], names[#names + 1] = record, name
    elseif name ~= SENTINEL.name then
      asides.put('health:' .. name, raw)
      redis.call('HDEL', key_health, name)
    end
  end
  return found, names
end
