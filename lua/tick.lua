--- The heart: executes a batch of 1 to 64 operations as one serial execution, in one atomic step.
--- A refused operation writes nothing, and a caller's mistake in one never hurts the others.
---
--- load (operations, views) -> decide (operations and rules, on the views alone) -> commit.
--- Order: renew, register, release, move, cancel, check; then reaping; then acquires, and whatever
--- arrived behind an acquire of the same id.
---
--- @entry tick
--- @entry tick_oom allow-oom
--- @key cell HASH field -> generation, incarnation, sequence, now, and more (lib/cell.lua)
--- @key requests HASH "tenant/id" -> lease record (lib/records.lua)
--- @key finished HASH "tenant/id" -> how it ended (END), the younger generation
--- @key finished_before HASH "tenant/id" -> how it ended, the older generation
--- @key expiries ZSET "incarnation:sequence:n, then ids, by line" -> cell time to look at them
--- @key accounts HASH account -> account record (lib/records.lua)
--- @key inflight HASH account -> leases in flight
--- @key targets HASH "pool TAB model" -> target record (lib/records.lua)
--- @key daemons ZSET daemon -> cell time of its last tick
--- @key replies HASH "daemon:track" -> its last batch on that track, ":reply" behind it -> the reply
--- @key set_aside HASH "tenant/id" -> a record that could not be decoded
--- @key waiters HASH "tenant/id" -> a parked acquire (waiting/waiters.lua)
--- @key line ZSET by member: "q" lines of waiters, "r" ready flows and moves, "p" parked waiters
--- @key timers ZSET kind and name -> cell time at which something changes by itself
--- @key demands HASH targets -> number, "#" number -> targets
--- @key flows HASH pool, "pool TAB tenant" -> virtual times (waiting/flows.lua)
--- @key tenants HASH tenant -> its terms (tenants/tenants.lua)
--- @key tenant_state HASH tenant -> what its gates count
--- @key account_state HASH account -> its rates, and until when it rests
--- @key health HASH account -> what is wrong with it (breaker/conditions.lua)
--- @key breaker_history LIST the last changes of accounts' health, latest first
--- @key ledger HASH "scope TAB period" -> settled, reserved and more (budget/ledger.lua)
--- @key spend HASH "period TAB tenant TAB route TAB model" -> micro-units
--- @key run_spend HASH "tenant TAB run" -> micro-units
--- @key spend_runs ZSET "tenant TAB run" -> cell time of its last use
--- @key sessions HASH "tenant/digest" -> the account of a session (sessions/sticky.lua), younger
--- @key sessions_before HASH the same, the older generation
--- @key lanes HASH "tenant/digest" -> "tenant/id" of the request that owns the lane
--- @key class[] ZSET account -> load ratio x LOAD.touches + last touch
--- @key concurrency[] STRING in-flight requests of one (pool, model)
--- @arg head packed see lib/head.lua
--- @arg daemon string the daemon that sends this batch
--- @arg server string run id of the Redis server that the daemon talks to, or empty
--- @arg demands string one line a demand: its targets "pool TAB model", joined by TAB; perhaps VT and an account
--- @arg holdings string one line a lease to register: "account TAB pool TAB model"
--- @arg spends string one line a place to book a cost under: "route TAB model TAB run"
--- @arg excludes string one line a move: the accounts that were tried, joined by TAB
--- @arg sessions string one line an operation that names a session, see sessions/sessions.lua
--- @arg operations packed 40 bytes each, see lib/operations.lua
--- @arg id[] string "tenant/id" of each operation
--- @reply ok now incarnation sequence more reaped overage set_aside recovering_ms keeping_ms wake_in limits notices alarms answers estimates
--- @reply stale generation
--- @reply outdated
--- @reply unconfigured
--- @reply layout version
--- @include lib/server_clock.lua
--- @include lib/breaker_terms.lua
--- @include lib/records.lua
--- @include lib/moved_records.lua
--- @include lib/target_records.lua
--- @include lib/head.lua
--- @include lib/decimals.lua
--- @include lib/listed.lua
--- @include lib/replies.lua
--- @include lib/cell.lua
--- @include lib/order.lua
--- @include lib/operations.lua
--- @include lib/finished.lua
--- @include lib/uses.lua
--- @include lib/charges.lua
--- @include lib/asides.lua
--- @include lib/requests.lua
--- @include lib/heap.lua
--- @include lib/memory.lua
--- @include lib/gcra.lua
--- @include lib/rules.lua
--- @include lib/terms.lua
--- @include waiting/timers.lua
--- @include scheduler/accounts.lua
--- @include scheduler/places.lua
--- @include scheduler/rests.lua
--- @include breaker/conditions.lua
--- @include breaker/troubled.lua
--- @include breaker/health.lua
--- @include breaker/history.lua
--- @include breaker/obstacle.lua
--- @include breaker/transitions.lua
--- @include breaker/cooldown.lua
--- @include scheduler/classes.lua
--- @include scheduler/mixed.lua
--- @include scheduler/preferred.lua
--- @include scheduler/choice.lua
--- @include scheduler/excluding.lua
--- @include scheduler/taking.lua
--- @include sessions/sessions.lua
--- @include sessions/sticky.lua
--- @include waiting/notices.lua
--- @include tenants/tenants.lua
--- @include budget/ledger.lua
--- @include budget/alarms.lua
--- @include budget/spend.lua
--- @include waiting/pools.lua
--- @include waiting/flows.lua
--- @include waiting/tags.lua
--- @rules
--- @include waiting/waiter_record.lua
--- @include waiting/waiters.lua
--- @include waiting/moving.lua
--- @include waiting/moving_on.lua
--- @include sessions/preferring.lua
--- @include sessions/lane_list.lua
--- @include sessions/lane_owners.lua
--- @include sessions/lanes.lua
--- @include waiting/unreadable.lua
--- @include sessions/alone.lua
--- @include waiting/parking.lua
--- @include waiting/queue.lua
--- @include waiting/heads.lua
--- @include waiting/hand_off.lua
--- @include budget/presumed.lua
--- @include scheduler/leases.lua
--- @include scheduler/endings.lua
--- @include scheduler/expiry.lua
--- @include scheduler/daemons.lua
--- @include scheduler/renew.lua
--- @include scheduler/release.lua
--- @include scheduler/attempts.lua
--- @include scheduler/move.lua
--- @include breaker/reset.lua
--- @include scheduler/acquire.lua
--- @include scheduler/alike.lua
--- @include scheduler/acquire_run.lua
--- @include lib/commit.lua

records.begin()
records.own(arg_daemon)
charges.begin()
head.begin()
local early_reply = replies.kept() or cell.begin()
if early_reply then
  return early_reply
end

asides.begin()
requests.begin()
finished.begin()
uses.begin()
accounts.begin(cell.stored_incarnation, cell.stored_sequence)
rests.begin()
places.begin()
classes.begin()
memory.begin()
health.begin()
history.begin()
tenants.begin()
ledger.begin()
spend.begin()
alarms.begin()
sessions.begin()
sticky.begin()
lane_owners.begin()
lanes.begin()
pools.begin()
flows.begin()
waiters.begin()
notices.begin()
daemons.begin()
hand_off.begin()
rules.begin()
terms.begin()
expiry.begin()
operations.load()
operations.run_early()
-- Before the timers: what they take back is not granted again in the same batch.
parking.unpark()
timers.run()
expiry.reap()
hand_off.run()
operations.run_late()
return commit.run()
