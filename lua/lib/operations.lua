-- The batch: its operations, who handles them, their answers, and the order of execution.
-- An operation is 40 bytes: kind, flags, demand, lease ms, fence, claim, tokens, retry after ms,
-- reserve (OP). An answer is 24: tag, detail, model, account, fence, time.
local FORMAT = '<BBI2I4ddI4I4d'
local count, slots, late, answers, current
operations.handlers = {}

function operations.count()
  return count
end

--- The first operation on an id, by whose number requests.lua knows the id; nil for others.
function operations.slot(id)
  return slots[id]
end

function operations.answer(tag, detail, model, account, fence, at)
  answers[current] =
    struct.pack('<BBI2I4dd', tag, detail or 0, model or 0, account or 0, fence or 0, at or 0)
end

local plain = {} -- tag -> an answer that says nothing else

--- An answer that is its tag alone.
function operations.say(tag)
  local answer = plain[tag]
  if not answer then
    answer = struct.pack('<BBI2I4dd', tag, 0, 0, 0, 0, 0)
    plain[tag] = answer
  end
  answers[current] = answer
end

--- The caller's mistake: nothing is written.
function operations.refuse(mistake)
  operations.answer(TAG.error, mistake)
end

function operations.answers()
  return table.concat(answers)
end

--- 1 to 128 printable ASCII characters behind a tenant's name.
function operations.is_id(id)
  return #id <= OPERATION.id_most and string.find(id, '^[%w._-]+/[!-~]+$')
end

local function run(i)
  local id = arg_id(i)
  local op = { id, slots[id], struct.unpack(FORMAT, arg_operations, (i - 1) * OPERATION.size + 1) }
  local handler = operations.handlers[op[OP.kind]]
  current = i
  if handler then
    handler(op)
  else
    operations.refuse(MISTAKE.unknown_operation)
  end
end

--- Acquires come last, and so does what arrived behind an acquire of the same id.
local function order_repeats()
  local behind = {}
  for i = 1, count do
    local id = arg_id(i)
    behind[id] = behind[id] or late[i]
    late[i] = behind[id]
  end
end

--- Reads what the batch names: its requests, the heads of its classes, and the accounts of both.
function operations.load()
  count = #arg_operations / OPERATION.size
  slots, late, answers = {}, {}, {}
  local known, unknown, demanded, repeats = {}, {}, {}, false
  for i = 1, count do
    local id = arg_id(i)
    local kind, flags, demand = struct.unpack('<BBI2', arg_operations, (i - 1) * OPERATION.size + 1)
    local is_acquire = kind == KIND.acquire
    if slots[id] then
      repeats = true
    else
      slots[id] = i
    end
    if is_acquire then
      demanded[#demanded + 1] = demand
    end
    -- Nobody but its daemon knows an id that was made just now.
    if not is_acquire or flags ~= ACQUIRE.fresh then
      known[#known + 1] = id
      unknown[#unknown + 1] = is_acquire and id or nil
    end
    late[i] = is_acquire or kind == KIND.reap
  end
  if repeats then
    order_repeats()
  end
  requests.load(known, unknown)
  choice.load(demanded)
end

--- Everything but acquires.
function operations.run_early()
  for i = 1, count do
    if not late[i] then
      run(i)
    end
  end
end

function operations.run_late()
  for i = 1, count do
    if late[i] then
      run(i)
    end
  end
end
