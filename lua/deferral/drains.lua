-- Drains: parked jobs of a stage that an operator makes due, and how far the last few drains are.
local KEPT = 20
local KINDS = { 'total', 'answered', 'failed', 'expired', 'cancelled', 'deferred', 'dead' }
--- Of one call.
local AT_MOST = 10000

local function field(number, kind)
  return 'drain\t' .. number .. '\t' .. kind
end

--- A job of a drain has come to something; it counts once.
function drains.count(record, kind)
  if record.drain then
    redis.call('HINCRBY', key_deferral_turns, field(record.drain, kind), 1)
    record.drain = nil
  end
end

local function forget(number)
  for _, kind in ipairs(KINDS) do
    redis.call('HDEL', key_deferral_turns, field(number, kind))
  end
end

--- `text`: stage; `numbers`: at most. Those that are due first go first.
function drains.drain()
  local place, most = terms.place[arg_text(1)], math.min(terms.numbers[1], AT_MOST)
  local number = redis.call('HINCRBY', key_deferral_turns, 'drains', 1)
  forget(number - KEPT)
  local count = 0
  local from = '(' .. jobs.text(terms.clock)
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', key_due(place), from, '+inf', 'LIMIT', 0, most)) do
    local id = string.match(member, '\t(.*)$')
    local record = jobs.read(id)
    if record then
      record.drain = number
      jobs.park(id, record, terms.clock)
      count = count + 1
    end
  end
  redis.call('HSET', key_deferral_turns, field(number, 'total'), count)
  return { number, count }
end
