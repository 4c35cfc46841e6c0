-- Small whole numbers as text and back, made once: Redis renders a Lua number through its slowest
-- printf, and reads one through strtod. Look into `texts` and `numbers` first.
decimals.texts, decimals.numbers = {}, {}

function decimals.of(n)
  local text = string.format('%d', n)
  if n >= 0 and n <= DECIMALS.most then
    decimals.texts[n], decimals.numbers[text] = text, n
  end
  return text
end

--- The number of a text, 0 for none.
function decimals.read(text)
  return tonumber(text) or 0
end
