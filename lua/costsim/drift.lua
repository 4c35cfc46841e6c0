-- The sliding window of drifts: a ring of sub-windows, each a HASH of histograms by series ("estimator
-- TAB against TAB model", the model empty for all of them). A sub-window whose time is over is emptied
-- when its place in the ring is used again, so memory is bounded by the series.

local function current()
  local length = math.max(1, math.floor(settings.window_ms / DRIFT.slots))
  local number = math.floor(settings.now / length)
  return number % DRIFT.slots, string.format('%.0f', number * length)
end

--- Adds histograms to the present sub-window: `texts` are a series and a histogram in turn.
function drift.add(texts)
  local slot, from = current()
  if redis.call('HGET', key_drift(slot), 'from') ~= from then
    redis.call('DEL', key_drift(slot))
    redis.call('HSET', key_drift(slot), 'from', from)
  end
  for i = 1, #texts, 2 do
    local counts = {}
    histogram.add(counts, redis.call('HGET', key_drift(slot), texts[i]) or nil)
    histogram.add(counts, texts[i + 1])
    redis.call('HSET', key_drift(slot), texts[i], histogram.pack(counts))
  end
end

--- A quantile of a series over the window, and how many samples it has.
function drift.quantile(series, part)
  local counts = {}
  for slot = 0, DRIFT.slots - 1 do
    local found = redis.call('HMGET', key_drift(slot), 'from', series)
    local from = tonumber(found[1] or nil)
    if from and from > settings.now - settings.window_ms and from <= settings.now then
      histogram.add(counts, found[2])
    end
  end
  return histogram.quantile(counts, part)
end

--- The window begins anew: what was measured before says nothing about what comes.
function drift.anew()
  for slot = 0, DRIFT.slots - 1 do
    redis.call('DEL', key_drift(slot))
  end
end
