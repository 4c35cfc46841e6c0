-- The view of accounts (ACCOUNT): their limits and how many leases each has in flight.
-- It stays in memory between calls. What configuration says holds for as long as the cell has the
-- same registry. In-flight counts hold when the cell's sequence is the one that this memory has
-- written last: every tick moves it, so nobody else has written since; otherwise they are read.
local memory, cells = {}, 0 -- cell key -> what is remembered of the cell
local own -- the memory of this cell: registry, incarnation, sequence, epoch, accounts by name
local known -- the accounts of this cell by name
local epoch -- counts read in an older epoch are not true any more
local numbers = decimals.numbers

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
  known, epoch = own.accounts, own.epoch
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
      account[ACCOUNT.limit] = account[ACCOUNT.slots]
      if account[ACCOUNT.rates] then
        rests.read(account)
      end
      if account[ACCOUNT.breaker] then
        health.attach(account)
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

--- Puts the accounts of `names` into `list`, which may be the same, behind its first `from`; false
--- for an unknown one.
function accounts.take_in(names, list, from)
  accounts.load(names)
  local all, now = known, epoch
  for i = 1, #names do
    local account = all[names[i]]
    if not account or account[ACCOUNT.epoch] ~= now then
      account = accounts.get(names[i]) or false
    end
    list[from + i] = account
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

local function load_holders(held, n)
  local names = {}
  for i = 1, n do
    names[i] = held[i][LEASE.account]
  end
  accounts.load(names)
end

--- Puts the accounts of the first `n` of `held` into `list`; false for an unknown one.
function accounts.of_leases(held, list, n)
  local all, now = known, epoch
  for i = 1, n do
    local account = all[held[i][LEASE.account]]
    if not account or account[ACCOUNT.epoch] ~= now then
      load_holders(held, n)
      account = all[held[i][LEASE.account]] or false
    end
    list[i] = account
  end
end

--- All is written: what this memory holds is what the store holds.
function accounts.keep()
  own.incarnation, own.sequence = cell.incarnation, cell.sequence
end
