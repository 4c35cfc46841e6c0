--- From cells that do not say which layout they have to those that do. Nothing else differs.
---
--- @entry number_layouts
--- @key cell HASH see lib/cell.lua
--- @arg from string the layout that this step starts from
--- @reply migrated layout
--- @reply elsewhere layout
--- @include migrations/step.lua

return step.refuse() or step.done()
