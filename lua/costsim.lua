--- Cost control: keeps the provenance of estimates, moves the windows of their drift, and decides when
--- `v2` is taken out of service and brought back. Each change of state is decided by one call, however
--- many daemons try, and told by the daemon whose call it was; by another one where that has died.
---
--- @entry observe
--- @entry look allow-oom
--- @entry recover allow-oom
--- @entry enable allow-oom
--- @entry disable allow-oom
--- @entry trip allow-oom
--- @entry told allow-oom
--- @key cell HASH now; v2_open: '1' while v2 is out of service, else '0' (read by every tick)
--- @key costsim HASH field -> the breaker's state (costsim/stored.lua)
--- @key costsim_log LIST changes and incidents as JSON, latest first
--- @key provenance STREAM record -> estimates of one request and its actual (src/costsim/provenance.ts)
--- @key provenance_inputs ZSET input hash -> place of its entry in the stream (costsim/inputs.lua)
--- @key costsim_batch STRING the last batch of the daemon that calls; expires
--- @key drift[] HASH from -> ms at which the sub-window began; series -> histogram (costsim/histogram.lua)
--- @arg head packed see costsim/settings.lua
--- @arg batch string name of the batch that is observed; one that was observed already changes nothing
--- @arg by string who enables, disables or trips
--- @arg why string their reason
--- @arg drifts packed a series and a histogram in turn, each behind its length in two bytes
--- @arg record[] string provenance to append
--- @reply now readable open number cause by why since recover_at failures trips p95_millionths samples warned changes
--- @include lib/server_clock.lua
--- @include lib/listed.lua
--- @include costsim/settings.lua
--- @include costsim/histogram.lua
--- @include costsim/drift.lua
--- @include costsim/incidents.lua
--- @include costsim/stored.lua
--- @include costsim/state.lua
--- @include costsim/judge.lua
--- @include costsim/inputs.lua
--- @include costsim/provenance.lua

local calls = {
  observe = function()
    judge.end_interval()
    if not provenance.knows_batch() then
      provenance.append()
      judge.add(listed.texts(arg_drifts))
      provenance.remember_batch()
    end
    judge.window()
  end,
  look = state.tell_again,
  recover = state.recover,
  enable = function() state.close('enabled', 'hand', arg_by, arg_why) end,
  disable = function() state.open('disabled', 'hand', { by = arg_by, why = arg_why }) end,
  trip = function() state.open('tripped', 'canary', { by = arg_by, why = arg_why }) end,
  told = function() state.told(settings.told) end,
}

settings.begin()
incidents.begin()
state.begin()
calls[variant]()
state.commit()
return state.reply()
