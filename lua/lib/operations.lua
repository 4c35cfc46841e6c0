-- The batch: its operations, who handles them, their answers, and the order of execution.
-- An operation is 40 bytes: kind, flags, demand, lease ms, fence, claim, tokens, retry after ms,
-- reserve; all of them are unpacked in one call, so an operation is an offset (OP) into `batch`.
-- An answer is 24 bytes: tag, detail, model, account, fence, time.
local FORMAT = 'BBI2I4ddI4I4d'
local formats = {} -- how many operations -> their format
local count, batch, slots, early, late, answers, limits, current, borrowed
operations.handlers = {}

function operations.count()
  return count
end

--- The first operation on an id, by whose number requests.lua knows the id; nil for others.
function operations.slot(id)
  return slots[id]
end

function operations.packed(tag, detail, model, account, fence, at)
  return struct.pack('<BBI2I4dd', tag, detail or 0, model or 0, account or 0, fence or 0, at or 0)
end

function operations.answer(tag, detail, model, account, fence, at)
  answers[current] =
    struct.pack('<BBI2I4dd', tag, detail or 0, model or 0, account or 0, fence or 0, at or 0)
end

--- The tenant's rates after the current operation, 24 bytes (tenants/tenant_rates.lua).
function operations.tell_limits(packed)
  limits[#limits + 1] = string.char(current - 1) .. packed
end

function operations.limits()
  return table.concat(limits)
end

--- The offset of an operation like the one that a waiter came with, for rules to look at.
function operations.borrow(waiter)
  batch[borrowed + OP.kind], batch[borrowed + OP.flags], batch[borrowed + OP.demand] =
    KIND.acquire, 0, waiter.demand
  batch[borrowed + OP.lease_ms], batch[borrowed + OP.fence] = waiter.lease_ms, waiter.arrived
  batch[borrowed + OP.claim], batch[borrowed + OP.tokens] = waiter.claim, waiter.tokens
  batch[borrowed + OP.wait_ms], batch[borrowed + OP.reserve] = 0, waiter.reserve
  return borrowed
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
  local op, id = (i - 1) * OP.fields, arg_id(i)
  local handler = operations.handlers[batch[op + OP.kind]]
  current = i
  if handler then
    handler(op, id, slots[id])
  else
    operations.refuse(MISTAKE.unknown_operation)
  end
end

local function unpack_batch()
  count = #arg_operations / OPERATION.size
  local format = formats[count]
  if not format then
    format = '<' .. string.rep(FORMAT, count)
    formats[count] = format
  end
  batch = { struct.unpack(format, arg_operations) }
  borrowed = count * OP.fields
  operations.batch = batch
end

--- With repeated ids: what arrived behind an acquire of its id stays behind it.
local function order_repeats()
  local behind = {}
  early, late = {}, {}
  for i = 1, count do
    local id, kind = arg_id(i), batch[(i - 1) * OP.fields + OP.kind]
    behind[id] = behind[id] or kind == KIND.acquire or kind == KIND.reap
    local list = behind[id] and late or early
    list[#list + 1] = i
  end
end

--- Reads what the batch names: its requests, the heads of its classes, and the accounts of both.
--- Acquires come last.
function operations.load()
  unpack_batch()
  slots, early, late, answers, limits = {}, {}, {}, {}, {}
  local known, unknown, demanded, repeats, op = {}, {}, {}, false, 0
  for i = 1, count do
    local id, kind = arg_id(i), batch[op + OP.kind]
    if slots[id] then
      repeats = true
    else
      slots[id] = i
    end
    if kind == KIND.acquire then
      late[#late + 1] = i
      demanded[#demanded + 1] = batch[op + OP.demand]
      -- Nobody but its daemon knows an id that was made just now.
      if batch[op + OP.flags] % 2 ~= ACQUIRE.fresh then
        known[#known + 1], unknown[#unknown + 1] = id, id
      end
    else
      local list = kind == KIND.reap and late or early
      list[#list + 1], known[#known + 1] = i, id
    end
    op = op + OP.fields
  end
  if repeats then
    order_repeats()
  end
  requests.load(known, unknown)
  choice.load(demanded)
end

--- Everything but acquires.
function operations.run_early()
  for i = 1, #early do
    run(early[i])
  end
end

function operations.run_late()
  for i = 1, #late do
    run(late[i])
  end
end
