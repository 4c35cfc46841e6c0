-- What this batch has seen that somebody should hear of: crossings of budgets, and changes of accounts'
-- health. Told to its daemon in the reply, one line each.
local lines

function alarms.begin()
  lines = {}
end

function alarms.say(line)
  lines[#lines + 1] = line
end

local function tell(kind, entry, stop)
  lines[#lines + 1] = string.format('%s\t%s\t%.0f\t%.0f\t%.0f', kind, entry.scope, entry.settled,
    entry.reserved, stop)
end

--- The entry has got `reserve` more. One event a crossing; the next one can come only after the sum
--- has fallen well below.
function alarms.watch(entry, reserve, warn, stop)
  local sum = entry.settled + entry.reserved
  local warned = entry.warned and sum - reserve >= warn * LEDGER.calm
  if not warned and warn >= 0 and sum > warn then
    warned = true
    tell('warn', entry, stop)
  end
  entry.warned = warned
end

function alarms.text()
  return table.concat(lines, '\n')
end
