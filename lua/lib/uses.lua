-- What a release tells of the use that ends: its cost, its tokens, and where the cost is booked.
local spends

function uses.begin()
  spends = {}
  for line in string.gmatch(arg_spends, '[^\n]+') do
    spends[#spends + 1] = line
  end
end

function uses.tells_cost(op)
  return math.floor(operations.batch[op + OP.flags] / RELEASE.cost) % 2 == 1
end

function uses.tells_tokens(op)
  return math.floor(operations.batch[op + OP.flags] / RELEASE.tokens) % 2 == 1
end

--- "route TAB model TAB run", or "" where nothing is told.
function uses.spend_line(op)
  local number = op and operations.batch[op + OP.demand] or 0
  return number > 0 and spends[number] or ''
end
