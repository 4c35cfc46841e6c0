-- Lanes: requests of one session that ask for it run one at a time, in the order of their arrival,
-- over all daemons. The lane's owner holds it for as long as its own record lives, as a lease or as
-- a waiter; the others stand behind (lane_list.lua). Whatever ends the owner's record hands the lane
-- to the next one in the same script. Only an owner is in the line of its demand. An owner whose daemon does not listen steps out; should it come back, it stands behind.
local granted -- id -> whether this batch has granted it, so that its record is not stored yet

function lanes.begin()
  granted = {}
end

local function lives(id)
  return granted[id] or waiters.get(id) or requests.look_up(id, redis.call('HGET', key_requests, id))
end

--- The waiter owns its lane: from now on it waits for its demand, or, without one, holds the lane.
local function promote(lane, waiter)
  lane_owners.set(lane, waiter.id)
  if waiter.demand == LANES.demand then
    return alone.promote(lane, waiter)
  end
  waiters.leave[WAITING.laned](waiter)
  waiters.enqueue(waiter)
  waiters.write(waiter)
  hand_off.look_again()
end

--- The lane goes to the next one whose daemon listens. A bounded number is looked at now; then the
--- first of the others owns it, and the next tick goes on.
local function hand_on(lane)
  for _ = 1, LANES.skip do
    local waiter = lane_list.first(lane)
    if not waiter then
      lane_owners.set(lane, false)
      return
    elseif daemons.listens(waiter.daemon) then
      return promote(lane, waiter)
    end
    parking.park(waiter)
  end
  local waiter = lane_list.first(lane)
  if waiter then
    lane_owners.set(lane, waiter.id)
    timers.set('l', lane, cell.now)
  else
    lane_owners.set(lane, false)
  end
end

timers.due.l = function(lane)
  local owner = lane_owners.get(lane)
  local waiter = owner and waiters.get(owner)
  if waiter and waiter.state == WAITING.laned or not waiter and not lives(owner or '') then
    hand_on(lane)
  end
end

--- Whether another request owns the lane. One whose record was lost owns nothing.
function lanes.is_taken(lane, id)
  local owner = lane_owners.get(lane)
  if owner and owner ~= id and not lives(owner) then
    hand_on(lane)
    owner = lane_owners.get(lane)
  end
  return owner and owner ~= id
end

--- The owner stands in its lane's list again, as long as it has got nothing yet; else false.
local function demote(waiter)
  if waiter and waiter.state == WAITING.queued then
    waiters.leave[WAITING.queued](waiter)
    lane_list.join(waiter)
    waiters.write(waiter)
  end
  return waiter and waiter.state == WAITING.laned
end

--- The lease owns its lane; one that a holder brings back may meet another owner.
function lanes.granted(lane, id)
  local owner = lane_owners.get(lane)
  if owner and owner ~= id and not demote(waiters.get(owner)) and lives(owner) then
    cell.overage = cell.overage + 1
    return
  end
  lane_owners.set(lane, id)
  granted[id] = true
end

--- The request has ended, or steps out: the lane goes on.
function lanes.left(lane, id)
  if lane_owners.get(lane) == id then
    granted[id] = nil
    hand_on(lane)
  end
end

--- Those that a loss of data made forget their order: who came first goes first.
local function overtakes(waiter, owner)
  local other = waiters.get(owner)
  return other and other.state == WAITING.queued
    and waiter.session.order < other.session.order and demote(other)
end

--- Whether the waiter must stand behind others of its lane; else it owns it now.
function lanes.holds_back(waiter)
  local session = waiter.session
  if not session.order or waiter.state == WAITING.parked then
    session.order = lane_list.order_at(waiter.state == WAITING.parked and cell.now or waiter.arrived)
  end
  if lanes.is_taken(session.name, waiter.id)
    and not overtakes(waiter, lane_owners.get(session.name)) then
    lane_list.join(waiter)
    return true
  end
  lane_owners.set(session.name, waiter.id)
  return waiter.demand == LANES.demand and alone.wait(waiter)
end
