-- The view of classes: the accounts of one (pool, tier, set of models) in the order of their load.
-- The stored order is read a piece at a time; accounts that this batch has touched are compared
-- through a heap. Neither costs more where there are more accounts.
local open = {} -- class number -> its view

--- Opens the view of a class and returns the names at its head.
local function open_class(number, wanted)
  local names = redis.call('ZRANGE', key_class(number), 0, wanted - 1)
  open[number] = { number = number, names = names, at = 1, step = wanted,
    complete = #names < wanted, heap = { scores = {}, items = {} } }
  accounts.each_touched(classes.moved)
  return names
end

--- Opens the classes that the acquires name; returns the accounts at their heads.
function classes.prefetch(wanted)
  local heads = {}
  for number, n in pairs(wanted) do
    local names = open_class(number, math.max(n, LOAD.least_heads))
    for i = 1, #names do
      heads[#heads + 1] = names[i]
    end
  end
  return heads
end

local function read_on(class)
  local from = #class.names
  local names = redis.call('ZRANGE', key_class(class.number), from, from + class.step - 1)
  for i = 1, #names do
    class.names[from + i] = names[i]
  end
  class.complete = #names < class.step
  accounts.load(names, {})
end

local function untouched_head(class)
  while true do
    local name = class.names[class.at]
    if not name then
      if class.complete then
        return nil
      end
      read_on(class)
    else
      local account = accounts.get(name)
      if account and not account.touched and accounts.has_room(account) then
        return account
      end
      class.at = class.at + 1
    end
  end
end

local function touched_head(class)
  local h = class.heap
  while true do
    local account = h.items[1]
    if not account then
      return nil
    end
    if account.score == h.scores[1] and accounts.has_room(account) then
      return account
    end
    heap.pop(h)
  end
end

--- The least loaded account of the class with room, or nil. Among equals an untouched one is
--- the one that waited longer.
function classes.head(number)
  local class = open[number]
  if not class then
    accounts.load(open_class(number, LOAD.least_heads), {})
    class = open[number]
  end
  local fresh, used = untouched_head(class), touched_head(class)
  if fresh and used then
    return fresh.ratio <= used.ratio and fresh or used
  end
  return fresh or used
end

--- The first of a `mixed` class, within a bound, that serves the model.
function classes.scan(number, model)
  local best
  for _, name in ipairs(redis.call('ZRANGE', key_class(number), 0, LOAD.mixed_scan - 1)) do
    local account = accounts.get(name)
    if account and accounts.has_room(account) and records.serves(account.raw, model)
      and (not best or account.ratio < best.ratio) then
      best = account
    end
  end
  return best
end

--- The account has a new place in its class.
function classes.moved(account)
  local class = open[account.class]
  if class and accounts.has_room(account) then
    heap.push(class.heap, account.score, account)
  end
end

--- The touch of the account, which orders equals of different classes.
function classes.touch_of(account)
  if not account.touch then
    local score = redis.call('ZSCORE', key_class(account.class), account.name)
    account.touch = score and tonumber(score) % LOAD.touches or 0
  end
  return account.touched or account.touch
end
