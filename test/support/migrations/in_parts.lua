--- A step of a test that takes three calls.
---
--- @entry in_parts
--- @key cell HASH see lib/cell.lua
--- @arg from string the layout that this step starts from
--- @reply migrated layout
--- @reply elsewhere layout
--- @reply more
--- @include migrations/step.lua

local stop = step.refuse()
if stop then
  return stop
elseif redis.call('HINCRBY', key_cell, 'test_parts', 1) < 3 then
  return { 'more' }
end
return step.done()
