-- Accounts that rest: out of rates until a known time, or blocked by their health, and so out of the
-- choice. Their limit is 0 for that long; a timer lets them back in. Rates: interval and burst of requests, of tokens, and the
-- two buckets (lib/gcra.lua).
local changed -- account's name -> account whose rates or rest this batch has changed
local REQUESTS_AT, TOKENS_AT = 5, 6

function rests.begin()
  changed = {}
end

local function set(account, rest)
  account[ACCOUNT.rest] = rest
  local rests_now = rest > cell.now or account[ACCOUNT.blocked]
  account[ACCOUNT.limit] = rests_now and 0 or account[ACCOUNT.slots]
end

--- Its health has changed.
function rests.refresh(account)
  set(account, account[ACCOUNT.rest])
end

--- Fills in what the store knows of an account with rates.
function rests.read(account)
  local rates, rest = account[ACCOUNT.rates], 0
  local raw = redis.call('HGET', key_account_state, account[ACCOUNT.name])
  rates[REQUESTS_AT], rates[TOKENS_AT] = 0, 0
  if raw and #raw >= 24 then
    rates[REQUESTS_AT], rates[TOKENS_AT], rest = struct.unpack('<ddd', raw)
  end
  set(account, rest)
end

--- The account grants nothing before `rest`, by the rates that it has now.
function rests.set(account, rest)
  if rest > cell.now and rest ~= account[ACCOUNT.rest] then
    timers.set('a', account[ACCOUNT.name], rest)
  end
  set(account, rest)
  changed[account[ACCOUNT.name]] = account
  places.count(account, 0)
end

timers.due.a = function(name)
  local account = accounts.get(name)
  if account then
    set(account, account[ACCOUNT.rest])
    if account[ACCOUNT.rest] > cell.now then
      timers.set('a', name, account[ACCOUNT.rest])
    end
    places.count(account, 0)
  end
end

function rests.commit()
  for name, account in pairs(changed) do
    local rates = account[ACCOUNT.rates]
    redis.call('HSET', key_account_state, name,
      struct.pack('<ddd', rates[REQUESTS_AT], rates[TOKENS_AT], account[ACCOUNT.rest]))
  end
end
