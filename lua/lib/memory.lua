-- What scripts keep in Lua's memory between calls, a table a cell. What was read from the store
-- holds (`memory.epoch`) while the cell's sequence is the one that this memory has written last:
-- every tick moves it, so nobody else has written since.
local cells, count = {}, 0 -- cell key -> what is remembered of the cell
local own

function memory.begin()
  own = cells[key_cell]
  if not own then
    if count >= MEMORY.cells then
      cells, count = {}, 0
    end
    own = { epoch = 0 }
    cells[key_cell], count = own, count + 1
  end
  if own.sequence ~= cell.stored_sequence or own.incarnation ~= cell.stored_incarnation then
    own.epoch = own.epoch + 1
  end
  -- Should this batch fail half-way, nothing in memory counts.
  own.sequence = false
  memory.epoch = own.epoch
end

--- The table `name` of this cell; a new one where `version` is another than before.
function memory.of(name, version)
  local kept = own[name]
  if not kept or kept.version ~= version then
    kept = { version = version, known = {} }
    own[name] = kept
  end
  return kept.known
end

--- All is written: what this memory holds is what the store holds.
function memory.keep()
  own.incarnation, own.sequence = cell.incarnation, cell.sequence
end
