import { createHash } from 'node:crypto'

/**
 * Everything that happens to a key happens in one of these scripts. Redis runs each alone, and each
 * does all of its work or nothing. KEYS: the record (`text`, `generation`), the state (`nonce`,
 * `name` and `until` of the lease; `drawn`; `ledger`, `last`; `done`), and a stream whose only
 * entry is the last event: a commit's `text`, or an empty text. Every script can safely be sent
 * twice, by a client that lost the answer.
 *
 * A user without the right to streams, or a Redis that is older than streams, uses published
 * messages only.
 *
 * Fencing tokens go up to 9e15, which Lua's doubles hold but its `tostring` does not write: they
 * are formatted here. The time is Redis's own. Only the state and the stream of a removed key have an
 * expiry, until the next lease is taken: an eviction policy for keys with an expiry would evict the
 * leases first.
 */
export interface Script {
  readonly lua: string
  readonly sha: string
}

const script = (lua: string): Script => ({ lua, sha: createHash('sha1').update(lua).digest('hex') })

const CLOCK = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
`

/** Wakes the waiters that block on the stream, and then the subscribers. */
const NOTIFY = `
local function notify(channel, generation, key, text)
  redis.pcall('XADD', KEYS[3], 'MAXLEN', '1', '*', 'text', text)
  -- A user without the right to publish: what was done stays done, and a waiter that was not notified
  -- finds it when it reads next.
  redis.pcall('PUBLISH', channel, generation .. ' ' .. key)
end
`

const EXPIRE = `
local function expire(ms)
  if ms == '' then return end
  redis.pcall('PEXPIRE', KEYS[2], ms)
  redis.pcall('PEXPIRE', KEYS[3], ms)
end
`

export const READ = script("return redis.call('HGET', KEYS[1], 'text')")

export const READ_LEDGER = script("return redis.call('HGET', KEYS[2], 'ledger')")

/**
 * → fencing token, name, milliseconds left, the cursor of the last event (empty: there is no
 * stream)
 */
export const HOLDER = script(`${CLOCK}
local state = redis.call('HMGET', KEYS[2], 'nonce', 'until', 'drawn', 'name')
local ms_left = tonumber(state[2] or 0) - now
if not state[1] or ms_left <= 0 then return false end
local events = redis.pcall('XREVRANGE', KEYS[3], '+', '-', 'COUNT', '1')
local cursor = not events.err and events[1] and events[1][1] or ''
return { state[3], state[4], string.format('%.0f', ms_left), cursor }
`)

/**
 * nonce, name, milliseconds of the lease, floor of the token → fencing token, the evicted holder
 */
export const ACQUIRE = script(`${CLOCK}
local state = redis.call('HMGET', KEYS[2], 'nonce', 'until', 'drawn', 'name', 'last')
if state[1] == ARGV[1] then return { state[3], '' } end
if state[1] and tonumber(state[2] or 0) > now then return false end
local generation = redis.call('HGET', KEYS[1], 'generation')
local highest = math.max(tonumber(generation or 0), tonumber(state[3] or 0), tonumber(state[5] or 0), tonumber(ARGV[4]))
local token = string.format('%.0f', highest + 1)
local lease_end = string.format('%.0f', now + tonumber(ARGV[3]))
redis.call('HSET', KEYS[2], 'nonce', ARGV[1], 'name', ARGV[2], 'until', lease_end, 'drawn', token)
-- A blocking wait needs a cursor. If this holder may not add to the stream, there is no cursor, so that
-- nobody blocks on an event that the holder cannot add.
if redis.pcall('EXISTS', KEYS[3]) == 0 then redis.pcall('XADD', KEYS[3], '*', 'text', '') end
-- A removed key is used again. A user without the right to PERSIST has none to PEXPIRE either.
redis.pcall('PERSIST', KEYS[2])
redis.pcall('PERSIST', KEYS[3])
return { token, state[1] and state[4] or '' }
`)

/**
 * nonce, milliseconds → whether the lease is ours. One that ran out is not revived: its holder may
 * have given it up.
 */
export const RENEW = script(`${CLOCK}
local state = redis.call('HMGET', KEYS[2], 'nonce', 'until')
if state[1] ~= ARGV[1] or tonumber(state[2] or 0) <= now then return '0' end
redis.call('HSET', KEYS[2], 'until', string.format('%.0f', now + tonumber(ARGV[2])))
return '1'
`)

/** nonce, ledger, its last fencing token → whether the lease is ours */
export const WRITE_LEDGER = script(`
if redis.call('HGET', KEYS[2], 'nonce') ~= ARGV[1] then return '0' end
redis.call('HSET', KEYS[2], 'ledger', ARGV[2], 'last', ARGV[3])
return '1'
`)

/**
 * nonce, channel, key as published, text, generation (empty: the record is removed), milliseconds
 * after which a removed key's state can go (empty: never) → whether this commit is done, now or by an
 * earlier try
 */
export const COMMIT = script(`${NOTIFY}${EXPIRE}
local state = redis.call('HMGET', KEYS[2], 'nonce', 'done')
if state[2] == ARGV[1] then return '1' end
if state[1] ~= ARGV[1] then return '0' end
if ARGV[5] == '' then
  redis.call('DEL', KEYS[1])
else
  redis.call('HSET', KEYS[1], 'text', ARGV[4], 'generation', ARGV[5])
end
redis.call('HDEL', KEYS[2], 'nonce', 'name', 'until')
redis.call('HSET', KEYS[2], 'done', ARGV[1])
notify(ARGV[2], ARGV[5], ARGV[3], ARGV[4])
expire(ARGV[6])
return '1'
`)

/**
 * nonce, channel, key as published, milliseconds after which the state of a key without a record can
 * go (empty: never)
 */
export const RELEASE = script(`${NOTIFY}${EXPIRE}
if redis.call('HGET', KEYS[2], 'nonce') ~= ARGV[1] then return '0' end
redis.call('HDEL', KEYS[2], 'nonce', 'name', 'until')
local generation = redis.call('HGET', KEYS[1], 'generation')
notify(ARGV[2], generation or '', ARGV[3], '')
if not generation then expire(ARGV[4]) end
return '1'
`)
