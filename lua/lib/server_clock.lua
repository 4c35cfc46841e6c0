-- The time in ms: the one that a caller tells, or, where that is negative, the server's own.

function server_clock.ms(told)
  if told >= 0 then
    return told
  end
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
