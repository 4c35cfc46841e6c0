-- What has changed in the health of accounts: told to the calling daemon at once, and kept for operators.
local lines

function history.begin()
  lines = {}
end

--- `model` is BREAKER.no_model where it is the account's.
function history.tell(account, model, state, reason, till)
  local line = string.format('%s\t%d\t%d\t%d\t%.0f', account[ACCOUNT.name], model, state, reason, till)
  alarms.say('breaker\t' .. line)
  lines[#lines + 1] = string.format('%.0f\t%s', cell.now, line)
end

function history.commit()
  if #lines > 0 then
    redis.call('LPUSH', key_breaker_history, unpack(lines))
    redis.call('LTRIM', key_breaker_history, 0, BREAKER.history - 1)
  end
end
