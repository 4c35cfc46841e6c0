-- When drift takes `v2` out of service: by its p95 over the window, or by so many intervals in a row
-- whose p95 was beyond the bound (incidents). Few samples say nothing, and nothing is judged while
-- the breaker is open.
local JUDGED = 'v2\tactual\t'
local PART = 0.95

local function millionths(drift_of)
  return math.floor(drift_of * 1e6 + 0.5)
end

local function bounded(drift_of, samples)
  return { p95 = drift_of, samples = samples, bound = settings.trip }
end

--- An interval of too few samples is none: it neither counts nor ends what is in a row.
local function judge_interval(p95, samples)
  local of = state.of
  if samples < settings.min_samples then
    return
  end
  if p95 <= settings.trip then
    of.failures = 0
    return
  end
  of.failures = of.failures + 1
  local facts = bounded(p95, samples)
  facts.failures = of.failures
  incidents.note('incident', facts)
  if of.failures >= settings.failures then
    facts = bounded(p95, samples)
    facts.failures, facts.why = of.failures, 'too many incidents in a row'
    state.open('tripped', 'incidents', facts)
  end
end

--- Judges the interval that is over, with what was observed in it.
function judge.end_interval()
  local of = state.of
  if settings.now >= of.interval_from and settings.now < of.interval_from + settings.interval_ms then
    return
  end
  local counts = {}
  histogram.add(counts, of.interval)
  of.interval = ''
  of.interval_from = math.floor(settings.now / settings.interval_ms) * settings.interval_ms
  if not state.is_open() then
    judge_interval(histogram.quantile(counts, PART))
  end
end

--- Takes drifts in: `texts` are a series and a histogram in turn.
function judge.add(texts)
  if #texts == 0 then
    return
  end
  drift.add(texts)
  local counts = {}
  histogram.add(counts, state.of.interval)
  for i = 1, #texts, 2 do
    if texts[i] == JUDGED then
      histogram.add(counts, texts[i + 1])
    end
  end
  state.of.interval = histogram.pack(counts)
end

local function warn(p95, samples)
  local of = state.of
  if p95 > settings.warn and of.warned == 0 then
    of.warned = 1
    incidents.note('warned', { p95 = p95, samples = samples, bound = settings.warn })
  elseif p95 <= settings.warn * COSTSIM.calm then
    of.warned = 0
  end
end

--- Looks at the whole window, once in COSTSIM.judge_ms: reading it costs as much as what is observed.
function judge.window()
  local of = state.of
  if settings.now >= of.judged_at and settings.now < of.judged_at + COSTSIM.judge_ms then
    return
  end
  of.judged_at = settings.now
  local p95, samples = drift.quantile(JUDGED, PART)
  of.p95, of.samples = millionths(p95), samples
  if state.is_open() or samples < settings.min_samples then
    return
  end
  warn(p95, samples)
  if p95 > settings.trip then
    local facts = bounded(p95, samples)
    facts.why = 'the drift of the window'
    state.open('tripped', 'window', facts)
  end
end
