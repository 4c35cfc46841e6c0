-- Whose turn it is: deficit round robin (Shreedhar and Varghese 1995) over the stages that have ready
-- jobs, where a job costs 1 and a visit brings a stage its weight, as a part of the heaviest's; then
-- round robin over a stage's tenants, which is the same with equal quanta.
local ENOUGH = 1 - 1e-9
local deficits, lengths, at, heaviest -- of the call; nil until somebody asks

function turns.begin()
  deficits = nil
end

local function weigh()
  heaviest = 0
  for n = 0, terms.stage_count - 1 do
    -- Who has nothing to do saves nothing up.
    deficits[n] = lengths[n] > 0 and deficits[n] or 0
    heaviest = math.max(heaviest, lengths[n] > 0 and terms.stages[n].weight or 0)
  end
end

local function load()
  local fields = { 'at' }
  for n = 0, terms.stage_count - 1 do
    fields[n + 2] = 'deficit\t' .. terms.stages[n].name
  end
  local values = redis.call('HMGET', key_deferral_turns, unpack(fields))
  deficits, lengths, at = {}, {}, terms.place[values[1]] or 0
  for n = 0, terms.stage_count - 1 do
    lengths[n] = redis.call('ZCARD', key_ready(n))
    deficits[n] = tonumber(values[n + 2]) or 0
  end
  weigh()
end

local function advance()
  repeat
    at = (at + 1) % terms.stage_count
  until lengths[at] > 0
  deficits[at] = deficits[at] + terms.stages[at].weight / heaviest
end

--- The first one behind the tenant that was served last, else the first one of all.
local function next_member(place)
  local field = 'tenant\t' .. terms.stages[place].name
  local last = redis.call('HGET', key_deferral_turns, field)
  local behind = last and '(' .. last .. '\t\255' or '-'
  local member = redis.call('ZRANGEBYLEX', key_ready(place), behind, '+', 'LIMIT', 0, 1)[1]
    or redis.call('ZRANGEBYLEX', key_ready(place), '-', '+', 'LIMIT', 0, 1)[1]
  redis.call('HSET', key_deferral_turns, field, string.match(member, '^[^\t]*'))
  return member
end

--- Takes the next ready job: the place of its stage, its tenant, its id; nil where none is ready.
function turns.take()
  if not deficits then
    load()
  end
  if heaviest == 0 then
    return nil
  end
  while lengths[at] == 0 or deficits[at] < ENOUGH do
    advance()
  end
  local place, member = at, next_member(at)
  redis.call('ZREM', key_ready(place), member)
  deficits[place], lengths[place] = deficits[place] - 1, lengths[place] - 1
  if lengths[place] == 0 then
    weigh()
  end
  local tenant, id = string.match(member, '^([^\t]*)\t%d+\t(.*)$')
  return place, tenant, id
end

--- What was taken could not be served; its stage loses nothing by it.
function turns.give_back(place)
  deficits[place] = lengths[place] > 0 and deficits[place] + 1 or 0
end

function turns.commit()
  if not deficits then
    return
  end
  local words = { 'at', terms.stages[at].name }
  for n = 0, terms.stage_count - 1 do
    words[#words + 1] = 'deficit\t' .. terms.stages[n].name
    words[#words + 1] = string.format('%.9f', deficits[n])
  end
  redis.call('HSET', key_deferral_turns, unpack(words))
end

function turns.any()
  return heaviest > 0
end
