-- The view of classes: the accounts of one (pool, tier, set of models) in the order of their load.
-- The stored order is read a piece at a time. Accounts that this batch has touched are compared
-- through a heap, which is made only once one of them may be the better choice. Neither costs more
-- where there are more accounts.
local texts = decimals.texts
local open -- class number -> its view

function classes.begin()
  open = {}
  classes.open = open
end

--- Among accounts that this batch has touched: the least loaded, then the one touched longest ago.
local function score_of(account)
  return account[ACCOUNT.ratio] * FENCE.per_incarnation + account[ACCOUNT.touched]
end

local function has_room(account)
  return account[ACCOUNT.in_flight] < account[ACCOUNT.limit]
end
classes.score_of, classes.has_room = score_of, has_room

--- The account has a new place in its class.
local function has_moved(account, ratio)
  local class = open[account[ACCOUNT.class]]
  if not class then
    return
  end
  class.is_known = false
  if ratio < class.least_touched then
    class.least_touched = ratio
  end
  if class.heap and has_room(account) then
    heap.push(class.heap, score_of(account), account)
  end
end
classes.has_moved = has_moved

--- An account that the registry does not know keeps its place: the index is read by place.
local function read_on(class)
  local from = #class.list
  local to = from + class.step - 1
  local names = redis.call('ZRANGE', key_class(class.number), texts[from] or decimals.of(from),
    texts[to] or decimals.of(to))
  -- The sentinel is the last one of all, and no account: asking for it would take four commands.
  if names[#names] == SENTINEL.name then
    names[#names] = nil
  end
  class.list, class.complete = from == 0 and names or class.list, #names < class.step
  accounts.take_in(names, class.list, from)
end

--- Opens the view of a class with the accounts at its head.
local function open_class(number, wanted)
  local class = { number = number, list = {}, at = 1, step = wanted, complete = false,
    least_touched = math.huge, heap = false, is_known = false, best = nil }
  open[number] = class
  places.each_touched(function(account)
    if account[ACCOUNT.class] == number and account[ACCOUNT.ratio] < class.least_touched then
      class.least_touched = account[ACCOUNT.ratio]
    end
  end)
  places.on_move(has_moved)
  read_on(class)
  return class
end

--- The account has taken part in no choice for a moment: those that went by looked past it.
function classes.look_again(account)
  local class = open[account[ACCOUNT.class]]
  if class then
    class.is_known, class.at = false, 1
  end
  if account[ACCOUNT.touched] then
    has_moved(account, account[ACCOUNT.ratio])
  end
end

--- Opens the classes that acquires ask for first and reads the accounts at their heads.
function classes.prefetch(wanted)
  for number, n in pairs(wanted) do
    open_class(number, math.max(n, LOAD.least_heads))
  end
end

local function untouched_head(class)
  local list, at = class.list, class.at
  while true do
    local account = list[at]
    if account and not account[ACCOUNT.touched] and has_room(account)
      or account == nil and class.complete then
      class.at = at
      return account
    elseif account == nil then
      read_on(class)
      list = class.list
    else
      at = at + 1
    end
  end
end

local function touched_head(class)
  if not class.heap then
    class.heap = heap.new()
    places.each_touched(function(account)
      if account[ACCOUNT.class] == class.number and has_room(account) then
        heap.push(class.heap, score_of(account), account)
      end
    end)
  end
  local h = class.heap
  local account = h.items[1]
  while account and not (account[ACCOUNT.class] == class.number and has_room(account)
    and score_of(account) == h.scores[1]) do
    heap.pop(h)
    account = h.items[1]
  end
  return account
end

local function find_head(class)
  local fresh = untouched_head(class)
  if fresh and fresh[ACCOUNT.ratio] <= class.least_touched then
    return fresh
  end
  local used = touched_head(class)
  return fresh and used and fresh[ACCOUNT.ratio] > used[ACCOUNT.ratio] and used or fresh or used
end

--- The least loaded account of the class with room, or nil. Among equals an untouched one is
--- the one that waited longer.
function classes.head(number)
  local class = open[number] or open_class(number, LOAD.least_heads)
  if class.is_known then
    return class.best
  end
  local list, at = class.list, class.at
  local account = list[at]
  while account and account[ACCOUNT.touched] do
    at = at + 1
    account = list[at]
  end
  class.at = at
  if not account or account[ACCOUNT.ratio] > class.least_touched
    or account[ACCOUNT.in_flight] >= account[ACCOUNT.limit] then
    account = find_head(class)
  end
  class.best, class.is_known = account, true
  return account
end

--- The view of a class, opened with so many accounts where it is not open yet.
function classes.opened(number, wanted)
  return open[number] or open_class(number, wanted)
end
