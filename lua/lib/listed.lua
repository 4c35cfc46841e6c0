-- Lists that come as one text: an item a line, or packed, each behind its length in two bytes.

--- The line of that number, from 1; nil for none.
function listed.line(text, number)
  local at = 0
  for line in string.gmatch(text, '[^\n]+') do
    at = at + 1
    if at == number then
      return line
    end
  end
end

function listed.texts(packed)
  local texts, at = {}, 1
  while at <= #packed do
    texts[#texts + 1], at = struct.unpack('<I2c0', packed, at)
  end
  return texts
end

--- Writes texts of which each other one is a field of `key` and its value.
function listed.store(key, texts)
  for i = 1, #texts, 2 do
    redis.call('HSET', key, texts[i], texts[i + 1])
  end
end
