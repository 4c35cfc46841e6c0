-- What a batch changes of accounts: how many leases each has in flight, and by that its place in its
-- class. Ties of the load ratio go to the account that was touched (granted from or returned to)
-- longest ago, so equals rotate.
local changed, changes = {}, 0 -- accounts that this batch has touched, in order
local counts = {} -- account, count of the commit
local has_moved -- who hears that an account has another place, or nil
local texts = decimals.texts

function places.begin()
  changes, has_moved = 0, nil
end

--- One lease less of each of the first `n` of `list`.
function places.give_back(list, n)
  local all, length, touched, tell = changed, changes, cell.grants, has_moved
  for i = 1, n do
    local account = list[i]
    if account then
      if not account[ACCOUNT.touched] then
        length = length + 1
        all[length] = account
      end
      local in_flight = account[ACCOUNT.in_flight]
      if in_flight > 0 then
        in_flight = in_flight - 1
      end
      local ratio = (in_flight + 1) * account[ACCOUNT.step]
      ratio = ratio - ratio % 1
      account[ACCOUNT.in_flight], account[ACCOUNT.ratio] = in_flight, ratio
      account[ACCOUNT.touched] = touched
      if tell then
        tell(account, ratio)
      end
    end
  end
  changes = length
end

--- One lease more or less; the account takes its new place in its class.
function places.count(account, by)
  if not account[ACCOUNT.touched] then
    changes = changes + 1
    changed[changes] = account
  end
  local in_flight = account[ACCOUNT.in_flight] + by
  if in_flight < 0 then
    in_flight = 0
  end
  local ratio = (in_flight + 1) * account[ACCOUNT.step]
  ratio = ratio - ratio % 1
  account[ACCOUNT.in_flight], account[ACCOUNT.ratio] = in_flight, ratio
  account[ACCOUNT.touched] = cell.grants
  if has_moved then
    has_moved(account, ratio)
  end
end

--- One lease more, under the next fence; nobody else hears of it. Returns its load ratio.
function places.take(account)
  if not account[ACCOUNT.touched] then
    changes = changes + 1
    changed[changes] = account
  end
  local in_flight = account[ACCOUNT.in_flight] + 1
  local ratio = (in_flight + 1) * account[ACCOUNT.step]
  ratio = ratio - ratio % 1
  account[ACCOUNT.in_flight], account[ACCOUNT.ratio] = in_flight, ratio
  account[ACCOUNT.touched] = cell.grants + 1
  return ratio
end

--- `tell` hears of every account that takes another place from now on.
function places.on_move(tell)
  has_moved = tell
end

function places.each_touched(tell)
  for i = 1, changes do
    tell(changed[i])
  end
end

--- The list `class` of `lists`, a new one where there is none.
local function list_of(lists, class)
  local list = lists[class]
  if not list then
    list = {}
    lists[class] = list
  end
  return list
end

--- Scores are written out as text: Redis renders a 16-digit number far slower.
local function score_text(scores, ratio, touch)
  local score = decimals.of(ratio) .. touch
  scores[ratio] = score
  return score
end

--- Sorts the accounts that have changed by the class that they are placed in, or leave; tells their
--- counts. What belongs to this batch alone is over.
local function sort(placed, full, touch)
  local scores, class, list, n, words, text_of, touches = {}, false, nil, 0, counts, texts, cell.touches
  for i = 1, changes do
    local account = changed[i]
    local name, in_flight = account[ACCOUNT.name], account[ACCOUNT.in_flight]
    words[2 * i - 1], words[2 * i] = name, text_of[in_flight] or decimals.of(in_flight)
    account[ACCOUNT.touched], account[ACCOUNT.touch] = false, touches
    if in_flight < account[ACCOUNT.limit] then
      if account[ACCOUNT.class] ~= class then
        class = account[ACCOUNT.class]
        list = list_of(placed, class)
        n = #list
      end
      local ratio = account[ACCOUNT.ratio]
      list[n + 1] = scores[ratio] or score_text(scores, ratio, touch)
      n = n + 2
      list[n] = name
    elseif account[ACCOUNT.slots] > 0 then
      -- One that is out of use is in no class: the number may be another's, or nobody's, by now.
      local names = list_of(full, account[ACCOUNT.class])
      names[#names + 1] = name
    end
  end
end

function places.commit()
  local placed, full = {}, {}
  sort(placed, full, string.format('%012d', cell.touches))
  commit.write('HSET', key_inflight, counts, 2 * changes)
  for class, list in pairs(placed) do
    redis.call('ZADD', key_class(class), unpack(list))
  end
  for class, list in pairs(full) do
    redis.call('ZREM', key_class(class), unpack(list))
  end
end
