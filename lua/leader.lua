--- Who leads the cell: a lease with a number, its term, that rises with every new leader. Nobody gets
--- it while another daemon may still trust its own, also where the store has lost writes or its clock
--- has jumped; whoever writes as a leader names its term (leader/fence.lua).
---
--- @entry leader_try
--- @entry leader_resign
--- @key leader HASH term, holder, expires, beat, now, server -> the lease; how often it was written, when, at which server
--- @arg head packed life ms, gap ms, clock (negative: the server's), term that the daemon holds, highest term and beat that it has seen
--- @arg holder string the daemon that asks
--- @reply leads term beat
--- @reply follows term beat holder
--- @include lib/server_clock.lua

local life, gap, clock, holding, seen_term, seen_beat = struct.unpack('<dddddd', arg_head)

local function server_id()
  return string.match(redis.call('INFO', 'server'), 'run_id:(%w+)') or ''
end

local function read()
  local values = redis.call('HMGET', key_leader, 'term', 'holder', 'expires', 'beat', 'now', 'server')
  return {
    term = tonumber(values[1]) or 0,
    holder = values[2] or '',
    expires = tonumber(values[3]) or 0,
    beat = tonumber(values[4]) or 0,
    now = tonumber(values[5]) or 0,
    server = values[6],
  }
end

local function write(lease)
  local text = function(n)
    return string.format('%.0f', n)
  end
  redis.call('HSET', key_leader, 'term', text(lease.term), 'holder', lease.holder, 'expires', text(lease.expires),
    'beat', text(lease.beat), 'now', text(lease.now), 'server', lease.server)
end

--- What a restart, a promotion or FLUSHALL took may have been a leader's lease: it trusts that for at
--- most a life from now. Nobody has it meanwhile.
local function forget_losses(lease)
  local server = server_id()
  if lease.server ~= server or lease.beat < seen_beat then
    lease.term, lease.beat = math.max(lease.term, seen_term), math.max(lease.beat, seen_beat)
    lease.holder, lease.expires = '', lease.now + life
  end
  lease.server = server
end

--- A daemon asks every so often. So a longer gap, or a clock that goes back, says nothing about how
--- much time has passed for the holder.
local function heed_jumps(lease)
  local at = server_clock.ms(clock)
  local passed = at - lease.now
  lease.now = at
  if (passed < 0 or passed > gap) and lease.expires > 0 then
    lease.expires = at + life
  end
end

local function try(lease)
  local is_own = lease.holder == arg_holder
  if not (is_own and lease.term == holding) then
    -- Its own lease without its term: the daemon has not heard of it, or does not trust it any more.
    if not is_own and lease.now < lease.expires then
      return { 'follows', lease.term, lease.beat, lease.holder }
    end
    lease.term, lease.holder = lease.term + 1, arg_holder
  end
  lease.expires = lease.now + life
  return { 'leads', lease.term, lease.beat }
end

local function resign(lease)
  if lease.holder == arg_holder then
    lease.holder, lease.expires = '', 0
  end
  return { 'follows', lease.term, lease.beat, lease.holder }
end

local lease = read()
heed_jumps(lease)
forget_losses(lease)
lease.beat = lease.beat + 1
local reply = variant == 'leader_resign' and resign(lease) or try(lease)
write(lease)
return reply
