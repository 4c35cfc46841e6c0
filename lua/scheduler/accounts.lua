-- The view of accounts: their limits and how many leases each has in flight.
-- Load ratio: (in-flight + 1) / (limit x weight) as an integer; ties go to the account that was
-- touched (granted from or returned to) longest ago, so equals rotate.
local known = {} -- name -> account, or false
local changed = {} -- accounts that this batch has touched, in order

local function learn(name, raw, in_flight)
  local flags, class, index, limit, capacity = records.read_account(raw)
  if not flags then
    known[name] = false
    return false
  end
  local account = { name = name, raw = raw, in_use = flags % 2 == 1, class = class,
    index = index, limit = limit, capacity = capacity, in_flight = tonumber(in_flight) or 0 }
  account.ratio = math.floor((account.in_flight + 1) * LOAD.scale / capacity)
  known[name] = account
  return account
end

--- Reads the accounts that are not known yet with one command each for records and counts.
function accounts.load(names, more)
  local wanted, asked = {}, {}
  for _, list in ipairs({ names, more }) do
    for i = 1, #list do
      local name = list[i]
      if known[name] == nil and not asked[name] then
        asked[name] = true
        wanted[#wanted + 1] = name
      end
    end
  end
  if #wanted == 0 then
    return
  end
  local raws = redis.call('HMGET', key_accounts, unpack(wanted))
  local counts = redis.call('HMGET', key_inflight, unpack(wanted))
  for i = 1, #wanted do
    learn(wanted[i], raws[i], counts[i])
  end
end

--- The account, or false where the registry has never heard of it.
function accounts.get(name)
  if known[name] == nil then
    accounts.load({ name }, {})
  end
  return known[name]
end

--- Whether the account may take one more.
function accounts.has_room(account)
  return account.in_use and account.in_flight < account.limit
end

--- One lease more or less; the account takes its new place in its class.
function accounts.count(account, by)
  if not account.touched then
    changed[#changed + 1] = account
  end
  account.in_flight = math.max(0, account.in_flight + by)
  account.ratio = math.floor((account.in_flight + 1) * LOAD.scale / account.capacity)
  if by > 0 then
    cell.touches = math.min(cell.touches + 1, LOAD.touches - 1)
  end
  account.touched = cell.touches
  account.score = account.ratio * LOAD.touches + account.touched
  classes.moved(account)
end

function accounts.each_touched(tell)
  for i = 1, #changed do
    tell(changed[i])
  end
end

local function note(lists, class, first, second)
  local list = lists[class] or {}
  lists[class] = list
  list[#list + 1] = first
  list[#list + 1] = second
end

function accounts.commit()
  local counts, placed, full = {}, {}, {}
  for i = 1, #changed do
    local account = changed[i]
    counts[2 * i - 1], counts[2 * i] = account.name, account.in_flight
    if accounts.has_room(account) then
      note(placed, account.class, account.score, account.name)
    else
      note(full, account.class, account.name)
    end
  end
  commit.write('HSET', key_inflight, counts)
  for class, list in pairs(placed) do
    redis.call('ZADD', key_class(class), unpack(list))
  end
  for class, list in pairs(full) do
    redis.call('ZREM', key_class(class), unpack(list))
  end
end
