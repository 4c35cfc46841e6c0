-- Batches are executed once. The last reply of each track of a daemon is kept: the same batch again
-- gets it again, and an older one (delayed on a connection that was given up) is not executed. Number
-- and reply have a field each: every batch asks for the number, hardly any for the reply.

local function field()
  return arg_daemon .. ':' .. head.track
end

--- The reply that was kept for this batch, a refusal of an outdated one, or nil for a new one.
function replies.kept()
  local kept = redis.call('HGET', key_replies, field())
  local batch = kept and struct.unpack('<d', kept) or 0
  if batch == head.batch then
    return cmsgpack.unpack(redis.call('HGET', key_replies, field() .. REPLIES.reply))
  end
  return batch > head.batch and { 'outdated' } or nil
end

function replies.keep(reply)
  local name = field()
  redis.call('HSET', key_replies, name, struct.pack('<d', head.batch), name .. REPLIES.reply,
    cmsgpack.pack(reply))
end

--- Forgets the replies of daemons that are gone.
function replies.forget(names)
  local fields = {}
  for i = 1, #names do
    for track = 0, REPLIES.tracks - 1 do
      local name = names[i] .. ':' .. track
      fields[#fields + 1], fields[#fields + 2] = name, name .. REPLIES.reply
    end
  end
  commit.write('HDEL', key_replies, fields)
end
