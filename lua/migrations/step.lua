-- One step from a layout of the cell to the next, by compare-and-set: of many daemons that try it at
-- once, one finds the layout that it starts from. The step is one script, so nobody sees half of it;
-- a step that is long does a part, answers `more` and is called again by whoever is there.

--- A reply where the step is not to be taken: the cell has another layout.
function step.refuse()
  local layout = redis.call('HGET', key_cell, 'layout') or '0'
  return layout ~= arg_from and { 'elsewhere', tonumber(layout) } or nil
end

--- The cell has the next layout from here on.
function step.done()
  local to = tonumber(arg_from) + 1
  redis.call('HSET', key_cell, 'layout', to)
  return { 'migrated', to }
end
