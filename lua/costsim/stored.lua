-- How the breaker's state is stored: a HASH of texts and of whole numbers. A state of which any part
-- cannot be read is none; what is written is what has changed. What it means is state.lua's matter.
local TEXTS = { 'state', 'cause', 'by', 'why', 'interval', 'last' }
local NUMBERS = { 'number', 'told', 'telling_until', 'since', 'recover_at', 'trips', 'failures',
  'warned', 'interval_from', 'judged_at', 'p95', 'samples' }
local raw -- field -> as it is stored

local function is_number(text)
  local number = tonumber(text)
  return number and number == number and math.abs(number) <= DRIFT.most_number
end

local function read()
  raw = {}
  local texts = redis.call('HMGET', key_costsim, unpack(TEXTS))
  local numbers = redis.call('HMGET', key_costsim, unpack(NUMBERS))
  local is_sound = texts[1] == 'open' or texts[1] == 'closed'
  for i = 1, #TEXTS do
    raw[TEXTS[i]] = texts[i]
  end
  for i = 1, #NUMBERS do
    raw[NUMBERS[i]] = numbers[i]
    is_sound = is_sound and is_number(numbers[i] or nil)
  end
  return is_sound
end

--- The fields, and 0 where they were sound, 1 where there were none, 2 where they could not be read.
function stored.read()
  local is_sound, of = read(), {}
  for i = 1, #TEXTS do
    of[TEXTS[i]] = is_sound and raw[TEXTS[i]] or ''
  end
  for i = 1, #NUMBERS do
    of[NUMBERS[i]] = is_sound and tonumber(raw[NUMBERS[i]]) or 0
  end
  return of, is_sound and 0 or (raw.state == false and 1 or 2)
end

local function put(field, text, words)
  if text ~= raw[field] then
    words[#words + 1], words[#words + 2] = field, text
  end
end

function stored.write(of)
  local words = {}
  for i = 1, #TEXTS do
    put(TEXTS[i], of[TEXTS[i]], words)
  end
  for i = 1, #NUMBERS do
    put(NUMBERS[i], string.format('%.0f', of[NUMBERS[i]]), words)
  end
  if #words > 0 then
    redis.call('HSET', key_costsim, unpack(words))
  end
end
