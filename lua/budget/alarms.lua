-- Crossings of budgets that this batch has seen: told to its daemon in the reply, one line each.
local lines

function alarms.begin()
  lines = {}
end

function alarms.tell(kind, entry, stop)
  lines[#lines + 1] = string.format('%s\t%s\t%.0f\t%.0f\t%.0f', kind, entry.scope, entry.settled,
    entry.reserved, stop)
end

function alarms.text()
  return table.concat(lines, '\n')
end
