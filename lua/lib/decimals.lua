-- Small whole numbers as text, made once: Redis renders a Lua number through its slowest printf.
local texts = {}

function decimals.of(n)
  local text = texts[n]
  if not text then
    text = string.format('%d', n)
    if n <= DECIMALS.most then
      texts[n] = text
    end
  end
  return text
end
