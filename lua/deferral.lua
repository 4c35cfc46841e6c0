--- Deferred jobs: where each one is (waiting for its due time, ready, out with the workers, dead, ended),
--- and whose turn it is. A job is handed to its stage's queue in the step that counts it as out; its end
--- is written once. The queues themselves are BullMQ's: a parked job lies in its delayed set, far behind
--- its due time, so nobody but this script lets it go before it expires.
---
--- @entry submit
--- @entry finish
--- @entry defer
--- @entry fail
--- @entry beat
--- @entry drain
--- @entry retry
--- @entry forget
--- @key deferred HASH id -> JSON (src/deferral/record.ts)
--- @key deferral_outcomes HASH id -> JSON (src/deferral/record.ts)
--- @key deferral_keys HASH tenant TAB its key -> id
--- @key deferral_index ZSET tenant TAB id, of one score
--- @key deferral_expiries ZSET id -> ms at which it is given up
--- @key deferral_out ZSET id -> ms since which it is with the workers
--- @key deferral_dead ZSET id -> ms since which it waits for an operator
--- @key deferral_ended ZSET id -> ms at which it ended
--- @key deferral_workers ZSET daemon TAB concurrency -> ms at which it was heard of last
--- @key deferral_turns HASH at, deficit TAB stage, tenant TAB stage -> turns.lua; drains; drain TAB number TAB what -> drains.lua
--- @key due[] ZSET tenant TAB id -> due time in ms
--- @key ready[] ZSET tenant TAB due time TAB id, of one score
--- @key ages[] ZSET id -> ms at which it was submitted, of a stage's jobs that are neither dead nor ended
--- @key wait[] LIST BullMQ's: jobs that a worker may take
--- @key delayed[] ZSET BullMQ's: jobs that none may take
--- @key marker[] ZSET BullMQ's: wakes a worker
--- @arg head packed see deferral/terms.lua
--- @arg stages string a line each: name TAB weight, in the order of the key lists
--- @arg numbers packed of the entry
--- @arg text[] string of the entry
--- @reply now then of each job: parked or known or full, and its id (submit)
--- @reply now then of each job: ended or already or gone (finish)
--- @reply deferred due deferrals, or gone (defer)
--- @reply again or dead or gone; of what was not stalled: deferred due (fail)
--- @reply now next more, then those of the ids that are to stop (beat)
--- @reply number count (drain)
--- @reply done or gone (retry, forget)
--- @include lib/server_clock.lua
--- @include deferral/terms.lua
--- @include deferral/jobs.lua
--- @include deferral/ends.lua
--- @include deferral/turns.lua
--- @include deferral/flow.lua
--- @include deferral/drains.lua
--- @include deferral/parking.lua
--- @include deferral/beats.lua

local entries = {
  submit = parking.submit,
  finish = ends.finish,
  defer = parking.defer,
  fail = parking.fail,
  beat = beats.beat,
  drain = drains.drain,
  retry = parking.retry,
  forget = ends.forget,
}

terms.begin()
turns.begin()
local reply = entries[variant]()
if variant ~= 'forget' then
  flow.promote()
end
return reply
