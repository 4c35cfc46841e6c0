-- What a call brings as numbers: the configuration's, and those of the call itself. It reads nothing.

--- All of them are set by each call, whether its entry asks for them or not.
function settings.begin()
  settings.clock, settings.retention_ms, settings.min_messages, settings.every_messages,
    settings.max_buffered, settings.max_messages, settings.claim_ms, settings.first_delay_ms,
    settings.most_delay_ms = struct.unpack('<ddddddddd', arg_head)
  settings.words, settings.fence, settings.version, settings.cell, settings.after,
    settings.most = struct.unpack('<dddddd', arg_head, 73)
  if settings.clock < 0 then
    local time = redis.call('TIME')
    settings.clock = time[1] * 1000 + math.floor(time[2] / 1000)
  end
end
