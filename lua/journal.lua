--- The journal of a session: each message that was accepted is in its buffer or in one of its cells,
--- never in both. Every entry is one step, and what it cannot do it refuses before it writes.
---
--- @entry append
--- @entry snapshot
--- @entry cut
--- @entry hold
--- @entry postpone
--- @entry flush
--- @entry delete allow-oom
--- @entry read no-writes allow-oom
--- @entry cells no-writes allow-oom
--- @entry celled no-writes allow-oom
--- @entry history no-writes allow-oom
--- @entry check no-writes allow-oom
--- @key journal_sessions ZSET "tenant/digest" -> cell time of its last write
--- @key journal_due ZSET "tenant/digest" -> cell time at which a cut is to be tried
--- @key journal_head HASH version, fence, last, asked, failures, not_before, cells (journal/state.lua)
--- @key journal_ids HASH id of a message -> its number; all that were accepted
--- @key journal_buffer STREAM number-0 -> id, message
--- @key journal_cells HASH number of a cell -> messages, cell time, its JSON
--- @key journal_celled STREAM cell-place -> id, message
--- @arg head packed see journal/settings.lua
--- @arg name string "tenant/digest" of the session
--- @arg why string why a cut is put off
--- @arg word[] string of append: id and message in turn; of cut: see journal/cut.lua; of flush: the cell's JSON
--- @reply a tag, then what journal/*.lua says
--- @include journal/settings.lua
--- @include journal/state.lua
--- @include journal/append.lua
--- @include journal/cut.lua
--- @include journal/put_off.lua
--- @include journal/flush.lua
--- @include journal/delete.lua
--- @include journal/read.lua
--- @include journal/check.lua

local entries = {
  append = append.run,
  snapshot = cut.snapshot,
  cut = cut.run,
  hold = put_off.hold,
  postpone = put_off.postpone,
  flush = flush.run,
  delete = delete.run,
  read = read.buffer,
  cells = read.cells,
  celled = read.celled,
  history = read.history,
  check = check.run,
}

settings.begin()
state.begin()
return entries[variant]()
