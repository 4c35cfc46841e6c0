-- Generic cell rate algorithm (ITU-T I.371; the virtual scheduling form): a bucket is one number,
-- its theoretical arrival time `tat`. `interval` is the ms that one unit takes to come back,
-- `burst` the ms that a full bucket holds.

--- The ms after which `n` units conform: 0 for now, -1 for never.
function gcra.wait(tat, now, interval, burst, n)
  if interval * n > burst then
    return -1
  end
  local over = (tat > now and tat or now) + interval * n - now - burst
  return over > 0 and over or 0
end

--- The bucket after `n` units were taken, or given back where `n` is negative.
function gcra.take(tat, now, interval, n)
  return (tat > now and tat or now) + interval * n
end

--- How many whole units are left, and the ms after which the bucket is full.
function gcra.left(tat, now, interval, burst)
  local used = tat > now and tat - now or 0
  local units = (burst - used) / interval
  return units > 0 and units - units % 1 or 0, used + -used % 1
end
