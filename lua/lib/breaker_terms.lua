-- What the registry says of an account's breaker: its mark (another one means another credential), then
-- the class for those that are aside, failures in a row and requests in a window that trip it, the
-- error rate, the window, the time that it is open at first and at most, the cooldown where the
-- upstream names none; then the models of the account. Accounts of one pool share one table of it.
local known, count = {}, 0 -- the record behind the mark -> what it says

local function read(mark_free)
  local aside, consecutive, min_requests, error_rate, window_ms, open_ms, max_open_ms, cooldown_ms, at =
    struct.unpack('<I2I2I4dI4I4I4I4', mark_free)
  local models = {}
  for from = at, #mark_free - 1, 2 do
    models[#models + 1] = struct.unpack('<I2', mark_free, from)
  end
  return { aside = aside, consecutive = consecutive, min_requests = min_requests,
    error_rate = error_rate, window_ms = window_ms, open_ms = open_ms, max_open_ms = max_open_ms,
    cooldown_ms = cooldown_ms, models = models }
end

--- The terms at `at`; false where the record ends before they do.
function breaker_terms.read(raw, at)
  if #raw < at + BREAKER.terms - 1 then
    return false
  end
  local mark_free = string.sub(raw, at + 4)
  local terms = known[mark_free]
  if not terms then
    if count >= MEMORY.targets then
      known, count = {}, 0
    end
    terms = read(mark_free)
    known[mark_free], count = terms, count + 1
  end
  return terms
end

--- What tells one credential of the account from another; 0 where there is no breaker.
function breaker_terms.mark(raw)
  local flags = string.byte(raw, 2)
  local at = math.floor(flags / 2) % 2 == 1 and 49 or 17
  return flags >= 4 and #raw >= at + 3 and struct.unpack('<I4', raw, at) or 0
end
