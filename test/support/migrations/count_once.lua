--- A step of a test: it counts how often it was taken.
---
--- @entry count_once
--- @key cell HASH see lib/cell.lua
--- @arg from string the layout that this step starts from
--- @reply migrated layout
--- @reply elsewhere layout
--- @include migrations/step.lua

local stop = step.refuse()
if stop then
  return stop
end
redis.call('HINCRBY', key_cell, 'test_taken', 1)
return step.done()
