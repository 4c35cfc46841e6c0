-- A binary min-heap of items by score, in two parallel arrays. Entries stay when an item's score
-- changes: the reader drops a top entry whose score is not its item's any more.

function heap.new()
  return { scores = {}, items = {} }
end

function heap.push(h, score, item)
  local scores, items = h.scores, h.items
  local at = #scores + 1
  while at > 1 do
    local parent = math.floor(at / 2)
    if scores[parent] <= score then
      break
    end
    scores[at], items[at] = scores[parent], items[parent]
    at = parent
  end
  scores[at], items[at] = score, item
end

function heap.pop(h)
  local scores, items = h.scores, h.items
  local size = #scores
  local score, item = scores[size], items[size]
  scores[size], items[size] = nil, nil
  size = size - 1
  if size == 0 then
    return
  end
  local at = 1
  while 2 * at <= size do
    local child = 2 * at
    if child < size and scores[child + 1] < scores[child] then
      child = child + 1
    end
    if scores[child] >= score then
      break
    end
    scores[at], items[at] = scores[child], items[child]
    at = child
  end
  scores[at], items[at] = score, item
end
