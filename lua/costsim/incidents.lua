-- The log of changes and incidents: kept for operators, bounded, and told to the daemon whose call it
-- was. A line is JSON, so that people can read it with redis-cli, too.
local lines

function incidents.begin()
  lines = {}
end

--- `facts` get the kind and the time; returns the line.
function incidents.note(kind, facts)
  facts.kind, facts.at = kind, settings.now
  local line = cjson.encode(facts)
  redis.call('LPUSH', key_costsim_log, line)
  redis.call('LTRIM', key_costsim_log, 0, settings.most_incidents - 1)
  incidents.say(line)
  return line
end

function incidents.say(line)
  lines[#lines + 1] = line
end

function incidents.told()
  return table.concat(lines, '\n')
end
