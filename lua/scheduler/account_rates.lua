-- Rule: requests and tokens a minute of an account (lib/gcra.lua). An account that is out of requests
-- leaves the index until the next one is due, so nobody is offered it. Tokens are in debt form: it
-- is used while its bucket holds any, and rests until the debt is paid.
--- @charged-where account[ACCOUNT.rates]
--- @settled-where account[ACCOUNT.rates]
local INTERVAL, BURST, TOKEN_INTERVAL, TOKEN_BURST, REQUESTS_AT, TOKENS_AT = 1, 2, 3, 4, 5, 6

local function rest_of(rates)
  local rest = 0
  if rates[INTERVAL] > 0 then
    rest = cell.now
      + math.ceil(gcra.wait(rates[REQUESTS_AT], cell.now, rates[INTERVAL], rates[BURST], 1))
  end
  if rates[TOKEN_INTERVAL] > 0 then
    rest = math.max(rest, math.ceil(rates[TOKENS_AT] - rates[TOKEN_BURST]) + 1)
  end
  return rest
end

function account_rates.charge(_, account, op)
  local rates = account[ACCOUNT.rates]
  if rates[INTERVAL] > 0 then
    rates[REQUESTS_AT] = gcra.take(rates[REQUESTS_AT], cell.now, rates[INTERVAL], 1)
  end
  if rates[TOKEN_INTERVAL] > 0 then
    rates[TOKENS_AT] = gcra.take(rates[TOKENS_AT], cell.now, rates[TOKEN_INTERVAL],
      operations.batch[op + OP.tokens])
  end
  rests.set(account, rest_of(rates))
end

--- What was used replaces the estimate, where the holder tells it.
function account_rates.settle(lease, account, op)
  local rates = account[ACCOUNT.rates]
  if rates[TOKEN_INTERVAL] == 0 or not op or not uses.tells_tokens(op) then
    return
  end
  local more = operations.batch[op + OP.tokens] - charges.tokens(lease)
  rates[TOKENS_AT] = gcra.take(rates[TOKENS_AT], cell.now, rates[TOKEN_INTERVAL], more)
  rests.set(account, rest_of(rates))
end
