-- The view of accounts (ACCOUNT): their limits and how many leases each has in flight.
-- What configuration says of an account stays in memory between calls, for as long as the cell has
-- the same registry; what changes with every lease is read in every batch.
-- Ties of the load ratio go to the account that was touched (granted from or returned to) longest
-- ago, so equals rotate.
local memory, cells = {}, 0 -- cell key -> { registry, accounts by name }
local known -- the accounts of this cell by name
local turn = 0 -- the number of the batch, for what was read in it
local changed -- accounts that this batch has touched, in order
local texts, numbers = decimals.texts, decimals.numbers

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
  local strangers, wanted, n = {}, {}, 0
  for i = 1, #names do
    local name = names[i]
    local account = known[name]
    if not account or account[ACCOUNT.turn] ~= turn then
      n = n + 1
      wanted[n] = name
      if account then
        account[ACCOUNT.turn] = turn
      else
        strangers[#strangers + 1] = name
      end
    end
  end
  if n == 0 then
    return
  end
  if #strangers > 0 then
    learn(strangers)
  end
  local counts = redis.call('HMGET', key_inflight, unpack(wanted))
  for i = 1, n do
    local account, count = known[wanted[i]], counts[i]
    if account then
      local in_flight = numbers[count] or decimals.read(count)
      local ratio = (in_flight + 1) * account[ACCOUNT.step]
      account[ACCOUNT.in_flight], account[ACCOUNT.ratio] = in_flight, ratio - ratio % 1
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
  local in_flight = account[ACCOUNT.in_flight] + by
  if in_flight < 0 then
    in_flight = 0
  end
  local ratio = (in_flight + 1) * account[ACCOUNT.step]
  account[ACCOUNT.in_flight], account[ACCOUNT.ratio] = in_flight, ratio - ratio % 1
  account[ACCOUNT.touched] = cell.grants
  classes.moved(account)
end

function accounts.each_touched(tell)
  for i = 1, #changed do
    tell(changed[i])
  end
end

--- The list of a class in `lists`, and its end.
local function list_of(lists, class)
  local list = lists[class]
  if not list then
    list = {}
    lists[class] = list
  end
  return list, #list
end

--- Scores are written out as text: Redis renders a 16-digit number far slower.
function accounts.commit()
  local counts, placed, full = {}, {}, {}
  local touch = string.format('%012d', cell.touches)
  for i = 1, #changed do
    local account = changed[i]
    local name, in_flight, ratio = account[ACCOUNT.name], account[ACCOUNT.in_flight], account[ACCOUNT.ratio]
    counts[2 * i - 1], counts[2 * i] = name, texts[in_flight] or decimals.of(in_flight)
    if in_flight < account[ACCOUNT.limit] then
      local list, n = list_of(placed, account[ACCOUNT.class])
      list[n + 1], list[n + 2] = (texts[ratio] or decimals.of(ratio)) .. touch, name
    else
      local list, n = list_of(full, account[ACCOUNT.class])
      list[n + 1] = name
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
