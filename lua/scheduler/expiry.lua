-- Expiry as a wheel: one entry names the leases that a tick granted with the same expiry. Neither
-- a release nor a renewal touches it; when an entry comes due, a released id is not there any more
-- and a renewed one is entered again at its new expiry.
local watched = {} -- cell time -> ids
local due = {}
local expired = { outcome = OUTCOME.ignored, tokens = 0, reserve = 0, retry_after = 0 }
expiry.reaped, expiry.more = 0, 0

--- Look at `id` at the cell time `at`.
function expiry.watch(id, at)
  local ids = watched[at]
  if not ids then
    ids = {}
    watched[at] = ids
  end
  ids[#ids + 1] = id
end

local function look_at(id)
  local lease = requests.get(id)
  if not lease then
    return
  end
  if lease.expires_at > cell.now then
    expiry.watch(id, lease.expires_at)
  elseif cell.now < cell.keep_until then
    expiry.watch(id, cell.keep_until)
  else
    leases.finish(id, lease, expired, END.reaped)
    expiry.reaped = expiry.reaped + 1
  end
end

local function ids_of(entries)
  local ids = {}
  for i = 1, #entries do
    local name, lines = string.match(entries[i], '^([^\n]*)(.*)$')
    for id in string.gmatch(name and lines or '', '[^\n]+') do
      ids[#ids + 1] = id
    end
  end
  return ids
end

--- Looks at a bounded number of the entries that are due; `more` tells that others may be.
function expiry.reap()
  local entries = redis.call('ZRANGEBYSCORE', key_expiries, '-inf', cell.now, 'LIMIT', #due, EXPIRY.entries)
  expiry.more = #entries == EXPIRY.entries and 1 or 0
  if #entries == 0 then
    return
  end
  for i = 1, #entries do
    due[#due + 1] = entries[i]
  end
  local ids = ids_of(entries)
  if #ids > 0 then
    accounts.load(requests.load(ids, {}), {})
  end
  for i = 1, #ids do
    look_at(ids[i])
  end
end

operations.handlers[KIND.reap] = function()
  expiry.reap()
  operations.answer(TAG.reaped, 0, 0, 0, 0, expiry.reaped)
end

function expiry.commit()
  local entries, name = {}, cell.incarnation .. ':' .. cell.sequence .. ':'
  for at, ids in pairs(watched) do
    for from = 1, #ids, EXPIRY.ids do
      local to = math.min(from + EXPIRY.ids - 1, #ids)
      entries[#entries + 1] = at
      entries[#entries + 1] = name .. #entries .. '\n' .. table.concat(ids, '\n', from, to)
    end
  end
  commit.write('ZREM', key_expiries, due)
  commit.write('ZADD', key_expiries, entries)
end
