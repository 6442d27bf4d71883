-- One state of one import on one channel: kept, numbered and told, or nothing at all.
--
-- KEYS  1 hash: epoch, run, offset, and for each import v:<id> (version) and s:<id> (state)
--       2 stream: <offset>-0 with k(ind), i(mport), v(ersion), a(t), and s(tate) unless it is progress,
--         whose newest state stands in the hash
-- ARGV  1 name for a new epoch   2 import ("" only opens the channel)   3 version   4 kind   5 at   6 state
--       7 pub/sub name   8 seconds the hash is kept   9 seconds the stream is kept   10 length of the stream
-- Answers {epoch, offset, number of fields in the hash, 1 if written}.

-- A server that came back may have lost what it already told: its run id is part of an epoch.
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
local import = ARGV[2]
local here = redis.call('HMGET', KEYS[1], 'epoch', 'run', 'offset', 'v:' .. import)
local epoch, offset = here[1], here[3]
if not epoch or here[2] ~= run then
  epoch, offset = ARGV[1], '0'
  redis.call('DEL', KEYS[2])
  redis.call('HSET', KEYS[1], 'epoch', epoch, 'run', run, 'offset', '0')
  redis.call('EXPIRE', KEYS[1], ARGV[8])
end
if import == '' or (here[4] and tonumber(here[4]) >= tonumber(ARGV[3])) then
  return {epoch, tonumber(offset), redis.call('HLEN', KEYS[1]), 0}
end

offset = redis.call('HINCRBY', KEYS[1], 'offset', 1)
redis.call('HSET', KEYS[1], 'v:' .. import, ARGV[3], 's:' .. import, ARGV[6])
redis.call('EXPIRE', KEYS[1], ARGV[8])
if ARGV[4] == 'progress' then
  redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[10], offset .. '-0', 'k', ARGV[4], 'i', import, 'v', ARGV[3], 'a', ARGV[5])
else
  redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[10], offset .. '-0', 'k', ARGV[4], 'i', import, 'v', ARGV[3], 'a', ARGV[5], 's', ARGV[6])
end
redis.call('EXPIRE', KEYS[2], ARGV[9])
redis.call('PUBLISH', ARGV[7], table.concat({epoch, offset, ARGV[4], import, ARGV[3], ARGV[5], ARGV[6]}, ' '))
return {epoch, offset, redis.call('HLEN', KEYS[1]), 1}
