-- A cut that does not happen now: the model has judged and cuts nothing, or it could not be asked. The
-- buffer stays as it is.

local function is_stale()
  return not state.exists or settings.fence ~= state.fence or settings.version ~= state.version
end

--- held, whether enough has come meanwhile to ask again; or stale.
function put_off.hold()
  if is_stale() then
    return { 'stale' }
  end
  state.asked = math.max(state.asked, settings.after)
  state.failures, state.not_before = 0, 0
  state.write()
  state.settle_due()
  return { 'held', state.waits_for_cut() and 1 or 0 }
end

--- postponed, for how many ms, how often in a row. The delay doubles up to its bound; a longer one that
--- was asked for (`after`) holds.
function put_off.postpone()
  if is_stale() then
    return { 'stale' }
  end
  state.failures = state.failures + 1
  local growing = settings.first_delay_ms * 2 ^ math.min(state.failures - 1, 40)
  local delay = math.max(math.min(growing, settings.most_delay_ms), settings.after)
  state.not_before = settings.clock + delay
  state.write()
  redis.call('HSET', key_journal_head, 'why', arg_why)
  redis.call('ZADD', key_journal_due, state.not_before, arg_name)
  return { 'postponed', delay, state.failures }
end
