-- Expiry as a wheel: one entry names the leases that a tick granted with the same expiry. Neither
-- a release nor a renewal touches it; when an entry comes due, a released id is not there any more
-- and a renewed one is entered again at its new expiry.
-- An entry: how many ids, its own name, the ids; all texts end with a zero byte.
local watched -- cell time -> ids
local due
local ENTRIES = EXPIRY.entries .. '' -- a word of a command: numbers cost it a printf

function expiry.begin()
  watched, due = {}, {}
  expiry.reaped, expiry.more = 0, false
end

--- The ids to look at, at the cell time `at`: a list to append to.
function expiry.ids_at(at)
  local ids = watched[at]
  if not ids then
    ids = {}
    watched[at] = ids
  end
  return ids
end

--- Look at `id` at the cell time `at`.
function expiry.watch(id, at)
  local ids = expiry.ids_at(at)
  ids[#ids + 1] = id
end

local function look_at(id, raw)
  local lease = requests.look_up(id, raw)
  if not lease then
    return
  end
  local expires_at = records.expires_at(lease)
  if expires_at > cell.now then
    expiry.watch(id, expires_at)
  elseif cell.now < cell.keep_until then
    expiry.watch(id, cell.keep_until)
  else
    endings.finish(id, operations.slot(id), lease, END.reaped)
    expiry.reaped = expiry.reaped + 1
  end
end

--- Most ids of an entry were released long ago: their names are made only where one was not.
local function look_into(entry)
  local format = string.rep('s', string.byte(entry, 1) + 1)
  local raws = redis.call('HMGET', key_requests, struct.unpack(format, entry, 2))
  local ids
  for i = 2, #raws - 1 do
    if raws[i] then
      ids = ids or { struct.unpack(format, entry, 2) }
      look_at(ids[i], raws[i])
    end
  end
end

--- Looks at a bounded number of the entries that are due; `more` tells that others may be.
function expiry.reap()
  local entries =
    redis.call('ZRANGEBYSCORE', key_expiries, '-inf', cell.now_text, 'LIMIT', decimals.of(#due), ENTRIES)
  for i = 1, #entries do
    due[#due + 1] = entries[i]
    look_into(entries[i])
  end
  expiry.more = #entries == EXPIRY.entries
end

operations.handlers[KIND.reap] = function()
  expiry.reap()
  operations.answer(TAG.reaped, 0, 0, 0, 0, expiry.reaped)
end

local function entry_of(name, ids, from, to)
  local format = string.rep('s', to - from + 2)
  return string.char(to - from + 1) .. struct.pack(format, name, unpack(ids, from, to))
end

function expiry.commit()
  local text = decimals.of
  local entries, name = {}, text(cell.incarnation) .. ':' .. text(cell.sequence) .. ':'
  for at, ids in pairs(watched) do
    for from = 1, #ids, EXPIRY.ids do
      local to = math.min(from + EXPIRY.ids - 1, #ids)
      entries[#entries + 1], entries[#entries + 2] = text(at), entry_of(name .. #entries, ids, from, to)
    end
  end
  commit.write('ZREM', key_expiries, due)
  commit.write('ZADD', key_expiries, entries)
end
