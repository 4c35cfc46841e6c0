-- Flushes what the batch has changed with one variadic command a structure, and makes the reply.
-- Nothing here can fail for a reason of the caller's: all of that was checked before.

--- One variadic command of the first `count` of `words`, or all; none where there is nothing to say.
function commit.write(command, key, words, count)
  count = count or #words
  if count > 0 then
    redis.call(command, key, unpack(words, 1, count))
  end
end

local function reply_with(set_aside)
  return { 'ok', cell.now, cell.incarnation, cell.sequence,
    (expiry.more or timers.more or parking.more or hand_off.more) and 1 or 0, expiry.reaped,
    cell.overage, set_aside, math.max(0, cell.recover_until - cell.now),
    math.max(0, cell.keep_until - cell.now), timers.wake_in(), operations.limits(), notices.own(),
    alarms.text(), operations.answers(), cell.estimates }
end

function commit.run()
  local set_aside = asides.commit()
  requests.commit()
  expiry.commit()
  finished.commit()
  health.commit()
  history.commit()
  places.commit()
  rests.commit()
  rules.commit()
  terms.commit()
  tenants.commit()
  pools.commit()
  flows.commit()
  ledger.commit()
  spend.commit()
  sticky.commit()
  lane_owners.commit()
  daemons.commit()
  cell.commit()
  accounts.keep()
  memory.keep()
  notices.commit()
  local reply = reply_with(set_aside)
  if operations.count() > 0 then
    replies.keep(reply)
  end
  return reply
end
