-- The stream of provenance, bounded by number and by age: by whole nodes of the stream, so up to a
-- hundred records more may be there.

local function append(record, id)
  local added = redis.pcall('XADD', key_provenance, id .. '-*', 'record', record)
  -- The stream may be ahead of a clock that went back.
  if type(added) == 'table' and added.err then
    redis.call('XADD', key_provenance, '*', 'record', record)
  end
end

--- Whether the batch is there already: its answer was lost.
function provenance.knows_batch()
  return redis.call('GET', key_costsim_batch) == arg_batch
end

--- Once all of the batch is written: what fails half-way is told again.
function provenance.remember_batch()
  redis.call('SET', key_costsim_batch, arg_batch, 'PX', COSTSIM.batch_ms)
end

--- Appends the records of the batch, and trims.
function provenance.append()
  local id = string.format('%.0f', settings.now)
  for i = 1, settings.records do
    append(arg_record(i), id)
  end
  redis.call('XTRIM', key_provenance, 'MAXLEN', '~', settings.max_records)
  local oldest = math.max(0, settings.now - settings.retention_ms)
  redis.call('XTRIM', key_provenance, 'MINID', '~', string.format('%.0f', oldest))
  inputs.trim()
end
