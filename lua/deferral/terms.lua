-- What one call is given: the time, the bounds of the configuration, its stages and its own numbers.
local FIELDS = { 'clock', 'max_depth', 'retention', 'max_kept', 'base', 'factor', 'longest', 'max_failures' }

--- `terms.stages`: from 0, each with `name` and `weight`. `terms.numbers`: what the entry is given.
function terms.begin()
  for i, field in ipairs(FIELDS) do
    terms[field] = struct.unpack('<d', arg_head, 8 * i - 7)
  end
  terms.clock = server_clock.ms(terms.clock)
  terms.stages, terms.stage_count, terms.place = {}, 0, {}
  for name, weight in string.gmatch(arg_stages, '([^\t\n]+)\t([^\n]+)') do
    terms.stages[terms.stage_count] = { name = name, weight = tonumber(weight) }
    terms.place[name] = terms.stage_count
    terms.stage_count = terms.stage_count + 1
  end
  terms.numbers = {}
  for i = 1, #arg_numbers / 8 do
    terms.numbers[i] = struct.unpack('<d', arg_numbers, 8 * i - 7)
  end
end
