-- The view of requests: what the store says of an id, under what this batch has changed.
local leases_of = {} -- id -> lease, or false where nothing is held
local ended = {} -- id -> how it ended (END), or false
local puts, drops, ends, asides = {}, {}, {}, {}

--- One that cannot be decoded is set aside: nobody frees its slot, the audit names it.
local function learn(id, raw)
  local lease = raw and records.read_lease(raw) or false
  if raw and not lease then
    asides[id] = raw
    drops[id] = true
  end
  leases_of[id] = lease
  return lease
end

local function learn_ends(ids)
  local younger = redis.call('HMGET', key_finished, unpack(ids))
  local older = redis.call('HMGET', key_finished_before, unpack(ids))
  for i = 1, #ids do
    ended[ids[i]] = younger[i] or older[i]
  end
end

--- Reads what is held under `ids` and returns the accounts of it; remembers how the `acquired`
--- ones ended.
function requests.load(ids, acquired)
  local raws = redis.call('HMGET', key_requests, unpack(ids))
  local accounts = {}
  for i = 1, #ids do
    local lease = leases_of[ids[i]]
    if lease == nil then
      lease = learn(ids[i], raws[i])
      if lease then
        accounts[#accounts + 1] = lease.account
      end
    end
  end
  if acquired and #acquired > 0 then
    learn_ends(acquired)
  end
  return accounts
end

--- The lease that is held under an id, or false.
function requests.get(id)
  local lease = leases_of[id]
  if lease == nil then
    lease = learn(id, redis.call('HGET', key_requests, id))
  end
  return lease
end

--- How a request that holds nothing any more ended: END, or false.
function requests.ended(id)
  if ended[id] == nil then
    learn_ends({ id })
  end
  return ended[id]
end

--- `lease` is held under `id`.
function requests.put(id, lease)
  leases_of[id], puts[id], drops[id] = lease, lease.raw, nil
end

--- Nothing is held under `id` any more; how that came is remembered for a while.
function requests.finish(id, how)
  if leases_of[id] then
    leases_of[id], puts[id], drops[id] = false, nil, true
  end
  ended[id], ends[id] = how, how
end

--- Returns how many records were set aside and how many requests ended.
function requests.commit()
  local put, drop, finished, aside = {}, {}, {}, {}
  for id, raw in pairs(puts) do
    put[#put + 1], put[#put + 2] = id, raw
  end
  for id in pairs(drops) do
    drop[#drop + 1] = id
  end
  for id, how in pairs(ends) do
    finished[#finished + 1], finished[#finished + 2] = id, how
  end
  for id, raw in pairs(asides) do
    aside[#aside + 1], aside[#aside + 2] = id, raw
  end
  commit.write('HSET', key_requests, put)
  commit.write('HDEL', key_requests, drop)
  commit.write('HSET', key_finished, finished)
  commit.write('HSET', key_set_aside, aside)
  return #aside / 2, #finished / 2
end
