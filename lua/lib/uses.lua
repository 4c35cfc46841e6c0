-- What a release tells of the use that ends: its cost, its tokens, and where the cost is booked.
local places -- line of `spends` -> where to book ("route TAB model"), and under which run, or ""
local NOWHERE = { where = '\t', run = '' }

function uses.begin()
  places = {}
  for line in string.gmatch(arg_spends, '[^\n]+') do
    local where, run = string.match(line, '^([^\t]*\t[^\t]*)\t?(.*)$')
    places[#places + 1] = where and { where = where, run = run } or NOWHERE
  end
end

function uses.tells_cost(op)
  return operations.batch[op + OP.flags] % (2 * RELEASE.cost) >= RELEASE.cost
end

function uses.tells_tokens(op)
  return operations.batch[op + OP.flags] % (2 * RELEASE.tokens) >= RELEASE.tokens
end

--- Where the cost is booked.
function uses.place_of(op)
  return op and places[operations.batch[op + OP.demand]] or NOWHERE
end
