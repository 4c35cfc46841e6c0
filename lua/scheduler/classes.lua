-- The view of classes: the accounts of one (pool, tier, set of models) in the order of their load.
-- The stored order is read a piece at a time. Accounts that this batch has touched are compared
-- through a heap, which is made only once one of them may be the better choice. Neither costs more
-- where there are more accounts.
local open -- class number -> its view

function classes.begin()
  open = {}
end

local function score_of(account)
  return account[ACCOUNT.ratio] * FENCE.per_incarnation + account[ACCOUNT.touched]
end

--- The account has a new place in its class.
function classes.moved(account)
  local class = open[account[ACCOUNT.class]]
  if not class then
    return
  end
  class.is_known = false
  local ratio = account[ACCOUNT.ratio]
  if ratio < class.least_touched then
    class.least_touched = ratio
  end
  if class.heap and account[ACCOUNT.in_flight] < account[ACCOUNT.limit] then
    heap.push(class.heap, score_of(account), account)
  end
end

--- Opens the view of a class and returns the names at its head.
local function open_class(number, wanted)
  local names = redis.call('ZRANGE', key_class(number), 0, wanted - 1)
  open[number] = { number = number, names = names, at = 1, step = wanted,
    complete = #names < wanted, least_touched = math.huge, heap = false,
    is_known = false, best = nil }
  accounts.each_touched(classes.moved)
  return names
end

--- Opens the classes that acquires ask for first and reads the accounts at their heads.
function classes.prefetch(wanted)
  for number, n in pairs(wanted) do
    accounts.load(open_class(number, math.max(n, LOAD.least_heads)))
  end
end

local function read_on(class)
  local names, from = class.names, #class.names
  local more = redis.call('ZRANGE', key_class(class.number), from, from + class.step - 1)
  accounts.load(more)
  for i = 1, #more do
    names[from + i] = more[i]
  end
  class.complete = #more < class.step
end

local function untouched_head(class)
  local names = class.names
  while true do
    local name = names[class.at]
    if not name and class.complete then
      return nil
    end
    if name then
      local account = accounts.get(name)
      if account and not account[ACCOUNT.touched]
        and account[ACCOUNT.in_flight] < account[ACCOUNT.limit] then
        return account
      end
      class.at = class.at + 1
    else
      read_on(class)
    end
  end
end

local function touched_head(class)
  if not class.heap then
    class.heap = heap.new()
    accounts.each_touched(function(account)
      if account[ACCOUNT.class] == class.number
        and account[ACCOUNT.in_flight] < account[ACCOUNT.limit] then
        heap.push(class.heap, score_of(account), account)
      end
    end)
  end
  local h = class.heap
  while true do
    local account = h.items[1]
    if not account or (score_of(account) == h.scores[1]
      and account[ACCOUNT.in_flight] < account[ACCOUNT.limit]) then
      return account
    end
    heap.pop(h)
  end
end

local function find_head(class)
  local fresh = untouched_head(class)
  if fresh and fresh[ACCOUNT.ratio] <= class.least_touched then
    return fresh
  end
  local used = touched_head(class)
  if fresh and used then
    return fresh[ACCOUNT.ratio] <= used[ACCOUNT.ratio] and fresh or used
  end
  return fresh or used
end

local function opened(number, wanted)
  local class = open[number]
  if not class then
    accounts.load(open_class(number, wanted))
    class = open[number]
  end
  return class
end

--- The least loaded account of the class with room, or nil. Among equals an untouched one is
--- the one that waited longer.
function classes.head(number)
  local class = open[number] or opened(number, LOAD.least_heads)
  if not class.is_known then
    class.best, class.is_known = find_head(class), true
  end
  return class.best
end

local function may_serve(account, model)
  return account[ACCOUNT.in_flight] < account[ACCOUNT.limit] and records.serves(account, model)
end

--- Untouched ones come in the order of their load, so the first of them is the best of them.
local function untouched_serving(class, model)
  for i = 1, #class.names do
    local account = accounts.get(class.names[i])
    if account and not account[ACCOUNT.touched] and may_serve(account, model) then
      return account
    end
  end
end

--- The least loaded account of a `mixed` class that serves the model, within a bound; ties as in
--- other classes.
function classes.scan(number, model)
  local class = opened(number, LOAD.mixed_scan)
  local best = untouched_serving(class, model)
  if best and best[ACCOUNT.ratio] <= class.least_touched then
    return best
  end
  accounts.each_touched(function(account)
    if account[ACCOUNT.class] == number and may_serve(account, model)
      and (not best or account[ACCOUNT.ratio] < best[ACCOUNT.ratio]
        or best[ACCOUNT.touched] and score_of(account) < score_of(best)) then
      best = account
    end
  end)
  return best
end
