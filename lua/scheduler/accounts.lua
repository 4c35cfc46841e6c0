-- The view of accounts (ACCOUNT): their limits and how many leases each has in flight.
-- What configuration says of an account stays in memory between calls, for as long as the cell has
-- the same registry; what changes with every lease is read in every batch.
-- Ties of the load ratio go to the account that was touched (granted from or returned to) longest
-- ago, so equals rotate.
local memory, cells = {}, 0 -- cell key -> { registry, accounts by name }
local known -- the accounts of this cell by name
local turn = 0 -- the number of the batch, for what was read in it
local changed -- accounts that this batch has touched, in order

function accounts.begin()
  local remembered = memory[key_cell]
  if not remembered or remembered.registry ~= cell.registry then
    if cells >= MEMORY.cells then
      memory, cells = {}, 0
    end
    remembered = { registry = cell.registry, accounts = {} }
    memory[key_cell], cells = remembered, cells + 1
  end
  known, changed, turn = remembered.accounts, {}, turn + 1
end

local function learn(names)
  local raws = redis.call('HMGET', key_accounts, unpack(names))
  for i = 1, #names do
    known[names[i]] = records.read_account(names[i], raws[i]) or nil
  end
end

--- Reads what this batch does not know yet of the accounts.
function accounts.load(names)
  local strangers, wanted = {}, {}
  for i = 1, #names do
    local name = names[i]
    local account = known[name]
    if not account then
      strangers[#strangers + 1] = name
      wanted[#wanted + 1] = name
    elseif account[ACCOUNT.turn] ~= turn then
      account[ACCOUNT.turn] = turn
      wanted[#wanted + 1] = name
    end
  end
  if #wanted == 0 then
    return
  end
  if #strangers > 0 then
    learn(strangers)
  end
  local counts = redis.call('HMGET', key_inflight, unpack(wanted))
  for i = 1, #wanted do
    local account = known[wanted[i]]
    if account then
      account[ACCOUNT.in_flight] = tonumber(counts[i]) or 0
      account[ACCOUNT.ratio] = records.load_ratio(account)
      account[ACCOUNT.turn], account[ACCOUNT.touched] = turn, false
    end
  end
end

--- The account, or nil where the registry does not know it.
function accounts.get(name)
  local account = known[name]
  if not account or account[ACCOUNT.turn] ~= turn then
    accounts.load({ name })
    account = known[name]
  end
  return account
end

--- One lease more or less; the account takes its new place in its class.
function accounts.count(account, by)
  if not account[ACCOUNT.touched] then
    changed[#changed + 1] = account
  end
  account[ACCOUNT.in_flight] = math.max(0, account[ACCOUNT.in_flight] + by)
  account[ACCOUNT.ratio] = records.load_ratio(account)
  account[ACCOUNT.touched] = cell.grants
  classes.moved(account)
end

function accounts.each_touched(tell)
  for i = 1, #changed do
    tell(changed[i])
  end
end

local function note(lists, class, first, second)
  local list = lists[class]
  if not list then
    list = {}
    lists[class] = list
  end
  list[#list + 1] = first
  list[#list + 1] = second
end

--- Scores are written out as text: Redis renders a 16-digit number far slower.
function accounts.commit()
  local counts, placed, full = {}, {}, {}
  local touch = string.format('%012d', cell.touches)
  for i = 1, #changed do
    local account = changed[i]
    local name, class = account[ACCOUNT.name], account[ACCOUNT.class]
    counts[#counts + 1] = name
    counts[#counts + 1] = decimals.of(account[ACCOUNT.in_flight])
    if records.has_room(account) then
      note(placed, class, decimals.of(account[ACCOUNT.ratio]) .. touch, name)
    else
      note(full, class, name)
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
