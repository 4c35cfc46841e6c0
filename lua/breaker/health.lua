-- The view of health: which accounts are troubled, and what that does to their places. All records are
-- read when memory begins anew, and stay in memory; where nobody is troubled nothing is asked.
-- A record is written when an account has something to say, and taken away when it has not.
local view -- epoch, records by account, blocked accounts by model
local changed, moved
health.asides = 0 -- accounts that are aside now

local function fence()
  return cell.incarnation * FENCE.per_incarnation + cell.grants
end
health.fence = fence

--- Counts the account under every model that its health keeps it from.
local function count(account)
  local record, name, models = account[ACCOUNT.health], account[ACCOUNT.name], account[ACCOUNT.breaker].models
  for i = 1, #models do
    local set = view.blocked[models[i]] or { count = 0, accounts = {} }
    view.blocked[models[i]] = set
    local is_blocked = record and not conditions.allows(record, models[i], cell.now) or false
    if is_blocked ~= (set.accounts[name] ~= nil) then
      set.count = set.count + (is_blocked and 1 or -1)
      set.accounts[name] = is_blocked and account or nil
    end
  end
end

--- Puts a freshly read account where its health says.
function health.attach(account)
  local record = view.records[account[ACCOUNT.name]] or false
  account[ACCOUNT.health], account[ACCOUNT.class] = record, account[ACCOUNT.home]
  account[ACCOUNT.blocked] = false
  if record then
    account[ACCOUNT.class], account[ACCOUNT.blocked] =
      conditions.place(account[ACCOUNT.breaker], record, account[ACCOUNT.home], cell.now)
  end
  rests.refresh(account)
end

local function load()
  view.epoch, view.blocked, view.asides = memory.epoch, {}, 0
  local names
  view.records, names = troubled.read()
  if #names > 0 then
    accounts.load(names)
  end
  for i = 1, #names do
    local account = accounts.get(names[i])
    if account and account[ACCOUNT.breaker] and account[ACCOUNT.slots] > 0 then
      count(account)
      view.asides = view.asides + (account[ACCOUNT.class] ~= account[ACCOUNT.home] and 1 or 0)
    end
  end
end

function health.allows(account, model)
  local record = account[ACCOUNT.health]
  return not record or conditions.allows(record, model, cell.now)
end

--- Whether more than a rest keeps the account from the model: it is disabled, or its breaker is open.
function health.is_sick(account, model)
  local record = account[ACCOUNT.health]
  local entry = record and record.entries[model]
  return record and (record.disabled or entry ~= nil and entry.state ~= BREAKER.closed
    and not conditions.allows(record, model, cell.now))
end

--- Accounts that their health keeps from the model, by name, and how many; perhaps nil.
function health.blocked(model)
  return view.blocked[model]
end

--- The record of an account, a new one where it was well.
function health.of(account)
  local record = account[ACCOUNT.health]
  if not record then
    record = conditions.new_record()
    account[ACCOUNT.health], view.records[account[ACCOUNT.name]] = record, record
  end
  return record
end

--- Out of its class, and into the other one.
local function change_class(account, class)
  account[ACCOUNT.limit] = 0
  places.count(account, 0)
  moved[#moved + 1] = account
  account[ACCOUNT.class] = class
  view.asides = view.asides + (class == account[ACCOUNT.home] and -1 or 1)
  health.asides = view.asides
end

--- The record has changed: what follows of it takes effect at once.
function health.changed(account)
  local record, name = account[ACCOUNT.health], account[ACCOUNT.name]
  local class, is_blocked = conditions.place(account[ACCOUNT.breaker], record, account[ACCOUNT.home], cell.now)
  changed[name] = account
  if account[ACCOUNT.slots] == 0 then
    return
  end
  count(account)
  if class ~= account[ACCOUNT.class] then
    change_class(account, class)
  end
  account[ACCOUNT.blocked] = is_blocked
  rests.refresh(account)
  places.count(account, 0)
  local at = conditions.next_change(record, cell.now)
  if at then
    timers.set('b', name, at)
  end
end

--- The store has lost the leases of these probes: nobody will tell how they ended.
local function forget_lost_probes()
  for name, record in pairs(view.records) do
    local account, has_lost = accounts.get(name), false
    for _, entry in pairs(record.entries) do
      if entry.probe > 0 and entry.probe < cell.incarnation * FENCE.per_incarnation then
        entry.probe, entry.since, has_lost = 0, fence(), true
      end
    end
    if has_lost and account and account[ACCOUNT.health] then
      health.changed(account)
    end
  end
  view.incarnation = cell.incarnation
end

function health.begin()
  changed, moved = {}, {}
  view = memory.of('health', cell.registry)
  if view.epoch ~= memory.epoch then
    load()
  end
  if view.incarnation ~= cell.incarnation then
    forget_lost_probes()
  end
  health.asides = view.asides
end

function health.commit()
  for name, account in pairs(changed) do
    local record = account[ACCOUNT.health]
    if conditions.prune(record, cell.now) then
      redis.call('HSET', key_health, name, conditions.packed(record))
    else
      redis.call('HDEL', key_health, name)
      account[ACCOUNT.health], view.records[name] = false, nil
      count(account)
    end
  end
  for i = 1, #moved do
    local home, aside = moved[i][ACCOUNT.home], moved[i][ACCOUNT.breaker].aside
    local left = moved[i][ACCOUNT.class] == home and aside or home
    redis.call('ZREM', key_class(left), moved[i][ACCOUNT.name])
  end
end
