-- How a flow's tags move: a grant is charged at the expected hold, and corrected when it ends. Service
-- is slot-milliseconds over the weight; tags are whole numbers.

local function tag_of(flow, ms)
  local tag = ms * 1000 / flow.weight
  return tag - tag % 1
end

--- The hold in ms that a grant is charged with: the flow's mean, else its pool's. Before anything was
--- measured next to nothing: a guess too high would put the pool's virtual time ahead of everybody.
local function expected_hold(flow)
  local hold = flow.hold > 0 and flow.hold or flow.pool.hold > 0 and flow.pool.hold or FLOWS.first_hold
  return hold - hold % 1
end

--- The tag that the flow's next service starts at.
local function start_of(flow)
  if cell.waiting > 0 and flows.is_backlogged(flow) then
    return flow.start
  end
  return flow.finish > flow.pool.time and flow.finish or flow.pool.time
end

--- A grant of the flow begins; returns the hold that it is charged.
function tags.charge(flow)
  local hold, pool, start = expected_hold(flow), flow.pool, start_of(flow)
  if start > pool.time then
    pool.time = start
  end
  local finish = start + tag_of(flow, hold)
  flow.finish, flow.start = finish, finish
  return hold
end

--- A grant of the flow that was charged `charged` ms has used `served`.
function tags.correct(flow, served, charged)
  local correction = tag_of(flow, served) - tag_of(flow, charged)
  local finish, start = flow.finish + correction, flow.start + correction
  flow.finish, flow.start = finish > 0 and finish or 0, start > 0 and start or 0
end

--- A grant of the flow was held so many ms.
function tags.learn(flow, held)
  local pool = flow.pool
  flow.hold = flow.hold > 0 and flow.hold + (held - flow.hold) / FLOWS.hold_memory or held
  pool.hold = pool.hold > 0 and pool.hold + (held - pool.hold) / FLOWS.pool_memory or held
end
