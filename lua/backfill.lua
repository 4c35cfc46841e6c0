--- Brings records into provenance that no daemon has seen, each input once, however often it is tried.
--- What is trimmed, and when, stays the daemons' matter: it drops nothing that is there.
---
--- @entry backfill
--- @entry find no-writes allow-oom
--- @key cell HASH now -> cell time
--- @key provenance STREAM record -> estimates of one request (src/costsim/provenance.ts)
--- @key provenance_inputs ZSET input hash -> place of its entry in the stream (costsim/inputs.lua)
--- @key drift[] HASH from -> ms at which the sub-window began; series -> histogram (costsim/histogram.lua)
--- @arg head packed clock (negative: the server's), window of the drift in ms, how many new ones to pass over, how many records there are
--- @arg item[] string of each record: input hash; to bring it in, also the record, its drifts (series and histograms in turn, each behind its length in two bytes)
--- @reply for each record: stored | known | passed; of `find` what is stored, false for nothing, '' for no record
--- @include lib/server_clock.lua
--- @include lib/listed.lua
--- @include costsim/settings.lua
--- @include costsim/histogram.lua
--- @include costsim/drift.lua
--- @include costsim/inputs.lua

local clock, window_ms, left, records = struct.unpack('<dddd', arg_head)

--- Histograms of one series become one.
local function drifts_of(packed)
  local series, texts = {}, {}
  for i = 1, #packed do
    local found = listed.texts(packed[i])
    for at = 1, #found, 2 do
      series[found[at]] = series[found[at]] or {}
      histogram.add(series[found[at]], found[at + 1])
    end
  end
  for name, counts in pairs(series) do
    texts[#texts + 1], texts[#texts + 2] = name, histogram.pack(counts)
  end
  return texts
end

local function bring(hash, record)
  if inputs.find(hash) then
    return 'known'
  end
  if left > 0 then
    left = left - 1
    return 'passed'
  end
  inputs.add(hash, record)
  return 'stored'
end

local function text_of(found)
  return found and (found[2][1] == 'record' and found[2][2] or '')
end

local calls = {}

function calls.find()
  local reply = {}
  for i = 1, records do
    reply[i] = text_of(inputs.find(arg_item(i))) or false
  end
  return reply
end

function calls.backfill()
  inputs.begin()
  local reply, packed = {}, {}
  for i = 1, records do
    local became = bring(arg_item(3 * i - 2), arg_item(3 * i - 1))
    if became == 'stored' then
      packed[#packed + 1] = arg_item(3 * i)
    end
    reply[i] = became
  end
  local drifts = drifts_of(packed)
  if #drifts > 0 then
    drift.add(drifts)
  end
  return reply
end

settings.now, settings.window_ms = settings.cell_time(clock), window_ms
return calls[variant]()
