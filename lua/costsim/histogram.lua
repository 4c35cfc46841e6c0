-- Histograms of drifts. Bucket 0 holds drifts up to DRIFT.least; each next one is DRIFT.growth times as
-- wide, so a quantile is right within half a bucket (2.5 %). Stored as pairs of a bucket's number and
-- its count, packed; what cannot be read counts as empty.

--- Adds what `raw` holds to `counts` (bucket -> count).
function histogram.add(counts, raw)
  if not raw or #raw % 6 ~= 0 then
    return
  end
  for at = 1, #raw, 6 do
    local bucket, count = struct.unpack('<I2I4', raw, at)
    counts[bucket] = (counts[bucket] or 0) + count
  end
end

function histogram.pack(counts)
  local parts = {}
  for bucket = 0, DRIFT.buckets do
    if counts[bucket] then
      parts[#parts + 1] = struct.pack('<I2I4', bucket, math.min(counts[bucket], DRIFT.most))
    end
  end
  return table.concat(parts)
end

--- The drift in the middle of a bucket.
local function middle(bucket)
  return bucket == 0 and 0 or DRIFT.least * DRIFT.growth ^ (bucket - 0.5)
end

--- The drift that `part` of the samples do not exceed, and how many there are.
function histogram.quantile(counts, part)
  local total = 0
  for bucket = 0, DRIFT.buckets do
    total = total + (counts[bucket] or 0)
  end
  local left = math.ceil(part * total)
  for bucket = 0, DRIFT.buckets do
    left = left - (counts[bucket] or 0)
    if left <= 0 then
      return middle(bucket), total
    end
  end
  return 0, total
end
