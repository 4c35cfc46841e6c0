-- Records that cannot be decoded: they are set aside to the byte and counted, and stop nobody. Nobody
-- frees the slot of such a lease; the audit names it.
local words, strays -- of the commit

function asides.begin()
  words, strays = {}, {}
end

--- Returns false, in place of what the record would have said.
function asides.put(id, raw)
  if id ~= SENTINEL.name then
    words[#words + 1], words[#words + 2] = id, raw
    strays[#strays + 1] = id
  end
  return false
end

--- Returns how many records were set aside.
function asides.commit()
  commit.write('HSET', key_set_aside, words)
  commit.write('HDEL', key_requests, strays)
  return #strays
end
