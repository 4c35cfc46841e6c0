-- Which requests were brought in, by their input hash: one look tells, however many there are. A score
-- is the place of the stream's entry (its ms * 1000 + its number), so what the stream has trimmed can be
-- forgotten in one command. Of what else was done to the stream it believes nothing: it looks.
local MOST_NUMBER = 999
local last_ms, last_number

local function score_of(ms, number)
  return ms * 1000 + math.min(number, MOST_NUMBER)
end

local function entry_of(score)
  local ms = math.floor(score / 1000)
  return string.format('%.0f-%.0f', ms, score - ms * 1000)
end

--- The entry with the record of this input, if it is in the stream: its id and its fields.
function inputs.find(hash)
  local score = tonumber(redis.call('ZSCORE', key_provenance_inputs, hash) or nil)
  local entry = score and entry_of(score)
  return entry and redis.call('XRANGE', key_provenance, entry, entry)[1]
end

--- Numbers of entries go on behind the stream's last one, which may be ahead of a clock that went back.
function inputs.begin()
  last_ms, last_number = settings.now, -1
  local facts = redis.pcall('XINFO', 'STREAM', key_provenance)
  for i = 1, facts.err and 0 or #facts, 2 do
    if facts[i] == 'last-generated-id' then
      local ms, number = string.match(facts[i + 1], '^(%d+)-(%d+)$')
      if tonumber(ms) >= last_ms then
        last_ms, last_number = tonumber(ms), tonumber(number)
      end
    end
  end
end

function inputs.add(hash, record)
  last_number = last_number + 1
  if last_number > MOST_NUMBER then
    last_ms, last_number = last_ms + 1, 0
  end
  local score = score_of(last_ms, last_number)
  redis.call('XADD', key_provenance, entry_of(score), 'record', record)
  redis.call('ZADD', key_provenance_inputs, string.format('%.0f', score), hash)
end

--- Forgets those that the stream has trimmed.
function inputs.trim()
  local first = redis.call('XRANGE', key_provenance, '-', '+', 'COUNT', 1)[1]
  local ms, number = string.match(first and first[1] or '', '^(%d+)-(%d+)$')
  local before = ms and '(' .. string.format('%.0f', score_of(ms, tonumber(number))) or '+inf'
  redis.call('ZREMRANGEBYSCORE', key_provenance_inputs, '-inf', before)
end
