-- What a daemon says about its batch and about the cell that it has seen. Durations are in ms;
-- `clock` is negative where the server's own time is meant. A daemon sends one batch at a time on
-- each of its tracks.

function head.begin()
  head.generation, head.incarnation, head.sequence, head.batch, head.track, head.clock,
    head.gap_ms, head.recovery_ms, head.remember_ms, head.remember_max, head.most_waiters,
    head.session_ms, head.most_sessions, head.prefer_ms =
    struct.unpack('<ddddBddddddddd', arg_head)
end
