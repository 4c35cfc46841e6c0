-- The batch: its operations, who handles them, their answers, and the order of execution.
-- An operation is 40 bytes: kind, outcome, demand, lease ms, fence, claim, tokens, retry after ms,
-- reserve. An answer is 24: tag, detail, model, account, fence, time.
local count = #arg_operations / OPERATION.size
local kinds, late, answers = {}, {}, {}
local current = {}
operations.handlers = {}

function operations.count()
  return count
end

function operations.answer(tag, detail, model, account, fence, at)
  answers[current.at] =
    struct.pack('<BBI2I4dd', tag, detail or 0, model or 0, account or 0, fence or 0, at or 0)
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
  local op, _ = current, nil
  op.at, op.kind, op.id = i, kinds[i], arg_id(i)
  _, op.outcome, op.demand, op.lease_ms, op.fence, op.claim, op.tokens, op.retry_after, op.reserve =
    struct.unpack('<BBI2I4ddI4I4d', arg_operations, (i - 1) * OPERATION.size + 1)
  local handler = operations.handlers[op.kind]
  if handler then
    handler(op)
  else
    operations.refuse(MISTAKE.unknown_operation)
  end
end

--- Reads what the batch names: its requests, the heads of its classes, and the accounts of both.
function operations.load()
  local ids, acquired, demanded, behind = {}, {}, {}, {}
  for i = 1, count do
    local at = (i - 1) * OPERATION.size + 1
    local kind, id = string.byte(arg_operations, at), arg_id(i)
    kinds[i], ids[i] = kind, id
    if kind == KIND.acquire then
      behind[id] = true
      acquired[#acquired + 1] = id
      demanded[#demanded + 1] = struct.unpack('<I2', arg_operations, at + 2)
    end
    late[i] = behind[id] or kind == KIND.reap
  end
  if count > 0 then
    accounts.load(requests.load(ids, acquired), choice.load(demanded))
  end
end

--- Everything but acquires, and what arrived behind an acquire of the same id.
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
