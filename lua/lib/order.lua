-- The order of a batch: which operations are executed early, which late (acquires, reaping, and what
-- arrived behind an acquire of the same id), and which ids must be looked up before.
-- Lists that every batch fills anew are kept, with their lengths: a table that grows again from
-- nothing costs more than what is put into it.
local early, late = {}, {} -- numbers of operations
local looked_up, acquired = {}, {} -- ids to look up; those of acquires among them
order.early, order.late, order.looked_up, order.acquired = early, late, looked_up, acquired

--- With repeated ids: what arrived behind an acquire of its id stays behind it.
local function order_repeats(batch, count)
  local behind, first, last = {}, 0, 0
  for i = 1, count do
    local id, kind = arg_id(i), batch[(i - 1) * OP.fields + OP.kind]
    behind[id] = behind[id] or kind == KIND.acquire or kind == KIND.reap
    if behind[id] then
      last = last + 1
      late[last] = i
    else
      first = first + 1
      early[first] = i
    end
  end
  order.early_count, order.late_count = first, last
end

--- Gives every id its slot, the number of the first operation on it, and sorts by the time of
--- execution. Returns the slots, and whether an id comes twice.
local function sort(batch, count)
  local slots, repeats, demanded, op = {}, false, {}, 0
  local first, last, looked, acquires = 0, 0, 0, 0
  for i = 1, count do
    local id, kind = arg_id(i), batch[op + OP.kind]
    if slots[id] then
      repeats = true
    else
      slots[id] = i
    end
    if kind ~= KIND.acquire and kind ~= KIND.reap then
      first, looked = first + 1, looked + 1
      early[first], looked_up[looked] = i, id
    else
      last = last + 1
      late[last] = i
      local demand = batch[op + OP.demand]
      demanded[demand] = (demanded[demand] or 0) + 1
      -- Nobody but its daemon knows an id that was made just now.
      if batch[op + OP.flags] % 2 ~= ACQUIRE.fresh then
        looked, acquires = looked + 1, acquires + 1
        looked_up[looked], acquired[acquires] = id, id
      end
    end
    op = op + OP.fields
  end
  order.demanded, order.early_count, order.late_count = demanded, first, last
  order.looked_up_count, order.acquired_count = looked, acquires
  return slots, repeats
end

--- Returns the slots of the ids.
function order.sort(batch, count)
  local slots, repeats = sort(batch, count)
  if repeats then
    order_repeats(batch, count)
  end
  return slots
end
