-- The view of accounts (ACCOUNT): their limits and how many leases each has in flight.
-- It stays in memory between calls. What configuration says holds for as long as the cell has the
-- same registry. In-flight counts hold when the cell's sequence is the one that this memory has
-- written last: every tick moves it, so nobody else has written since; otherwise they are read.
-- Ties of the load ratio go to the account that was touched (granted from or returned to) longest
-- ago, so equals rotate.
local memory, cells = {}, 0 -- cell key -> what is remembered of the cell
local own -- the memory of this cell: registry, incarnation, sequence, epoch, accounts by name
local known -- the accounts of this cell by name
local epoch -- counts read in an older epoch are not true any more
local changed -- accounts that this batch has touched, in order
local texts, numbers = decimals.texts, decimals.numbers

--- `incarnation` and `sequence` as they were stored before this batch.
function accounts.begin(incarnation, sequence)
  own = memory[key_cell]
  if not own or own.registry ~= cell.registry then
    if cells >= MEMORY.cells then
      memory, cells = {}, 0
    end
    own = { registry = cell.registry, epoch = 0, accounts = {} }
    memory[key_cell], cells = own, cells + 1
  end
  if own.sequence ~= sequence or own.incarnation ~= incarnation then
    own.epoch = own.epoch + 1
  end
  -- Should this batch fail half-way, nothing in memory counts.
  own.sequence = false
  known, epoch, changed = own.accounts, own.epoch, {}
end

local function learn(names)
  local raws = redis.call('HMGET', key_accounts, unpack(names))
  for i = 1, #names do
    known[names[i]] = records.read_account(names[i], raws[i]) or nil
  end
end

local function read(names, strangers)
  if #strangers > 0 then
    learn(strangers)
  end
  local counts = redis.call('HMGET', key_inflight, unpack(names))
  for i = 1, #names do
    local account = known[names[i]]
    if account then
      local in_flight = numbers[counts[i]] or decimals.read(counts[i])
      local ratio = (in_flight + 1) * account[ACCOUNT.step]
      account[ACCOUNT.in_flight], account[ACCOUNT.ratio] = in_flight, ratio - ratio % 1
      account[ACCOUNT.epoch], account[ACCOUNT.touched], account[ACCOUNT.touch] = epoch, false, false
      if account[ACCOUNT.rates] then
        rests.read(account)
      end
    end
  end
end

--- Reads what is not known of the accounts.
function accounts.load(names)
  local strangers, wanted
  for i = 1, #names do
    local name = names[i]
    local account = known[name]
    if not account or account[ACCOUNT.epoch] ~= epoch then
      wanted, strangers = wanted or {}, strangers or {}
      wanted[#wanted + 1] = name
      strangers[#strangers + 1] = not account and name or nil
    end
  end
  if wanted then
    read(wanted, strangers)
  end
end

--- The account, or nil where the registry does not know it.
function accounts.get(name)
  local account = known[name]
  if not account or account[ACCOUNT.epoch] ~= epoch then
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
  local counts, placed, full, scores = {}, {}, {}, {}
  local touch = string.format('%012d', cell.touches)
  for i = 1, #changed do
    local account = changed[i]
    local name, in_flight, ratio = account[ACCOUNT.name], account[ACCOUNT.in_flight], account[ACCOUNT.ratio]
    counts[2 * i - 1], counts[2 * i] = name, texts[in_flight] or decimals.of(in_flight)
    if in_flight < account[ACCOUNT.limit] then
      local list, n = list_of(placed, account[ACCOUNT.class])
      local score = scores[ratio]
      if not score then
        score = decimals.of(ratio) .. touch
        scores[ratio] = score
      end
      list[n + 1], list[n + 2] = score, name
    elseif account[ACCOUNT.slots] > 0 then
      -- One that is out of use is in no class: the number may be another's, or nobody's, by now.
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

--- All is written: what this memory holds is what the store holds.
function accounts.keep()
  for i = 1, #changed do
    changed[i][ACCOUNT.touched], changed[i][ACCOUNT.touch] = false, cell.touches
  end
  own.incarnation, own.sequence = cell.incarnation, cell.sequence
end
