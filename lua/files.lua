--- Files of tenants, in chunks: opened, written chunk by chunk, closed; from then on they are read and
--- never changed. What a tenant has is counted here, so its bounds hold whoever writes at once.
---
--- @entry file_open
--- @entry file_write
--- @entry file_close
--- @entry file_drop
--- @entry files_due
--- @key file HASH tenant, name, purpose, bytes, created, expires, state, holds; a number -> its chunk
--- @key files ZSET "tenant TAB ms of its making TAB id" of files that are closed, in the order of these words
--- @key files_used HASH tenant -> bytes; "tenant TAB n" -> files
--- @key files_due ZSET id -> ms at which it goes
--- @arg head packed clock (negative: the server's), two numbers of the entry
--- @arg id string
--- @arg tenant string
--- @arg name string
--- @arg purpose string
--- @arg chunk string
--- @reply opened now
--- @reply written
--- @reply closed now expires
--- @reply dropped
--- @reply full
--- @reply held
--- @reply gone
--- @reply of files_due: the ids of at most 100 files whose time has come
--- @include lib/server_clock.lua

local told, first, second = struct.unpack('<ddd', arg_head)
local clock = server_clock.ms(told)
local most_due = 100

local function text(n)
  return string.format('%.0f', n)
end

local function get(field)
  return redis.call('HGET', key_file, field)
end

--- Negative numbers take off; what comes to nothing goes, so the structure is as large as its tenants are many.
local function use(field, n)
  if redis.call('HINCRBY', key_files_used, field, text(n)) <= 0 then
    redis.call('HDEL', key_files_used, field)
  end
end

local function used(field)
  return tonumber(redis.call('HGET', key_files_used, field) or '0')
end

local function place(tenant)
  return table.concat({ tenant, text(tonumber(get('created'))), arg_id }, '\t')
end

local entries = {}

--- `first`: files that the tenant may have (negative: any number); `second`: ms that writing may take.
--- Opening a file that is open is opening it: its chunks stay.
function entries.file_open()
  if get('state') then
    return { 'opened', tonumber(get('created')) }
  end
  local number = arg_tenant .. '\tn'
  if first >= 0 and used(number) >= first then
    return { 'full' }
  end
  redis.call('HSET', key_files_used, SENTINEL.name, 0)
  redis.call('ZADD', key_files_due, '+inf', SENTINEL.name, text(clock + second), arg_id)
  redis.call('HSET', key_file, 'state', 'open', 'tenant', arg_tenant, 'bytes', 0, 'created', text(clock))
  use(number, 1)
  return { 'opened', clock }
end

--- `first`: the chunk's number; `second`: bytes that the tenant may have (negative: any number). A chunk
--- that is there stays.
function entries.file_write()
  local chunk, tenant = text(first), get('tenant')
  if redis.call('HEXISTS', key_file, chunk) == 1 then
    return { 'written' }
  end
  if get('state') ~= 'open' then
    return { 'gone' }
  end
  if second >= 0 and used(tenant) + #arg_chunk > second then
    return { 'full' }
  end
  redis.call('HSET', key_file, chunk, arg_chunk)
  redis.call('HINCRBY', key_file, 'bytes', #arg_chunk)
  use(tenant, #arg_chunk)
  return { 'written' }
end

--- `first`: ms that it is kept. Closing a closed one changes nothing.
function entries.file_close()
  local state = get('state')
  if not state then
    return { 'gone' }
  end
  if state == 'open' then
    local expires = text(clock + first)
    redis.call('HSET', key_file, 'state', 'closed', 'name', arg_name, 'purpose', arg_purpose, 'expires', expires)
    redis.call('ZADD', key_files, 0, SENTINEL.name, 0, place(get('tenant')))
    redis.call('ZADD', key_files_due, expires, arg_id)
  end
  return { 'closed', tonumber(get('created')), tonumber(get('expires')) }
end

--- `first`: ms after which to look again at one that a batch still reads; negative: it is somebody's wish.
function entries.file_drop()
  local tenant = get('tenant')
  if not tenant then
    redis.call('ZREM', key_files_due, arg_id)
    return { 'gone' }
  end
  if tonumber(get('holds') or '0') > 0 then
    if first >= 0 then
      redis.call('ZADD', key_files_due, text(clock + first), arg_id)
    end
    return { 'held' }
  end
  use(tenant, -tonumber(get('bytes')))
  use(tenant .. '\tn', -1)
  redis.call('ZREM', key_files, place(tenant))
  redis.call('ZREM', key_files_due, arg_id)
  redis.call('UNLINK', key_file)
  return { 'dropped' }
end

function entries.files_due()
  return redis.call('ZRANGE', key_files_due, '-inf', text(clock), 'BYSCORE', 'LIMIT', 0, most_due)
end

return entries[variant]()
