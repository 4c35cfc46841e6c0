-- reset: an operator says that an account, or one model of it, is well again.

local function reset_model(account, model)
  local entry = account[ACCOUNT.health].entries[model]
  if entry then
    entry.cool, entry.trips = 0, 0
    transitions.close(account, entry, OUTCOME.operator)
  end
end

local function reset_account(account)
  local was_disabled = account[ACCOUNT.health].disabled
  conditions.begin_again(account[ACCOUNT.health], health.fence(), cell.now,
    account[ACCOUNT.breaker].window_ms)
  history.tell(account, BREAKER.no_model, was_disabled and BREAKER.enabled or BREAKER.closed,
    OUTCOME.operator, 0)
end

operations.handlers[KIND.reset] = function(op)
  local line = listed.line(arg_holdings, operations.batch[op + OP.demand]) or ''
  local name, target = string.match(line, '^([^\t]+)\t?(.*)$')
  local account = name and accounts.get(name)
  local raw = target and target ~= '' and redis.call('HGET', key_targets, target)
  if not account or target ~= '' and not raw then
    return operations.say(TAG.unknown)
  end
  if account[ACCOUNT.breaker] and account[ACCOUNT.health] then
    if raw then
      reset_model(account, target_records.read(raw).model)
    else
      reset_account(account)
    end
    health.changed(account)
  end
  operations.say(TAG.reset)
end
