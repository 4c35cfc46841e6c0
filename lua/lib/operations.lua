-- The batch: its operations, who handles them, their answers, and the order of execution.
-- An operation is 40 bytes: kind, flags, demand, lease ms, fence, claim, tokens, retry after ms,
-- reserve; all of them are unpacked in one call, so an operation is an offset (OP) into `batch`.
-- An answer is 24 bytes: tag, detail, model, account, fence, time.
local FORMAT = 'BBI2I4ddI4I4d'
local formats = {} -- how many operations -> their format
local count, batch, slots, limits, current, borrowed
local answers = {}
operations.answered = answers
operations.handlers = {} -- kind -> function(op, id, slot)
operations.runs = {} -- kind -> function(list, at, length), see run()

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

--- The tenant's rates after the current operation, 24 bytes, where it has any.
function operations.tell_limits(tenant)
  if tenant_rates.has(tenant) then
    local n = #limits
    limits[n + 1], limits[n + 2] = string.char(current - 1), tenant_rates.limits(tenant)
  end
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
  sessions.lend(borrowed, waiter.session)
  return borrowed
end

local plain = {} -- tag -> an answer that says nothing else

--- The answer that is its tag alone.
function operations.plain(tag)
  local answer = plain[tag]
  if not answer then
    answer = struct.pack('<BBI2I4dd', tag, 0, 0, 0, 0, 0)
    plain[tag] = answer
  end
  return answer
end

function operations.say(tag)
  answers[current] = operations.plain(tag)
end

--- The caller's mistake: nothing is written.
function operations.refuse(mistake)
  operations.answer(TAG.error, mistake)
end

function operations.answers()
  return table.concat(answers, '', 1, count)
end

--- 1 to 128 printable ASCII characters behind a tenant's name.
function operations.is_id(id)
  return #id <= OPERATION.id_most and string.find(id, '^[%w._-]+/[!-~]+$')
end

local function run_one(kind, op, id)
  local handler = operations.handlers[kind]
  if handler then
    handler(op, id, slots[id])
  else
    operations.refuse(MISTAKE.unknown_operation)
  end
end

--- Operations of the two kinds that nearly every batch is made of are executed by one loop each: it
--- takes the list from `at` on, for as long as the kind is its own, and returns where it ended.
local function run(list, length)
  local at = 1
  while at <= length do
    local i = list[at]
    local op = (i - 1) * OP.fields
    local kind = batch[op + OP.kind]
    if operations.runs[kind] then
      at = operations.runs[kind](list, at, length)
    else
      current, at = i, at + 1
      run_one(kind, op, arg_id(i))
    end
  end
end

--- The operation that `answer` and `say` answer: for the loops.
function operations.set_current(i)
  current = i
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

--- Reads what the batch names: its requests, and the heads of its classes.
function operations.load()
  unpack_batch()
  limits = {}
  slots = order.sort(batch, count)
  operations.slots = slots
  requests.load(slots, order.looked_up, order.looked_up_count)
  finished.load(order.acquired, order.acquired_count)
  choice.load(order.demanded)
  sessions.load()
end

--- Everything but acquires.
function operations.run_early()
  run(order.early, order.early_count)
end

--- Acquires, and what must come behind them.
function operations.run_late()
  run(order.late, order.late_count)
end
