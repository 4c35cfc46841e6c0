-- What the calling daemon's configuration says, and the time: the cell's, which does not go back. A
-- negative clock means the server's own. Durations are in ms, drifts are parts of the reference.

function settings.cell_time(clock)
  return math.max(server_clock.ms(clock), tonumber(redis.call('HGET', key_cell, 'now') or 0) or 0)
end

function settings.begin()
  settings.clock, settings.records, settings.told, settings.window_ms, settings.interval_ms,
    settings.min_samples, settings.warn, settings.trip, settings.failures, settings.cooldown_ms,
    settings.max_cooldown_ms, settings.max_records, settings.retention_ms, settings.most_incidents =
    struct.unpack('<dddddddddddddd', arg_head)
  settings.now = settings.cell_time(settings.clock)
end
