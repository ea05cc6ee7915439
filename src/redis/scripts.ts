import { createHash } from 'node:crypto'

/**
 * What happens to a key happens in one of these: each runs alone in Redis, and all of it or nothing is done. KEYS: the record
 * (`text`, `generation`), the state (`nonce`, `name`, `until` of the lease; `drawn`; `ledger`, `last`; `done`), and a stream
 * whose one entry is the last thing that happened: a commit's `text`, or nothing. All are safe to be sent twice by a client that
 * lost the answer.
 *
 * Who may not use streams, or has a Redis that is older than they are, is told by messages only.
 *
 * Numbers go up to 9e15, which Lua's doubles hold but its `tostring` does not write: they are formatted by hand. The time is
 * Redis's own. Nothing expires by itself: an eviction policy for what expires would take the leases first.
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

/** Ends the waits in Redis, and then those of who listens. */
const TELL = `
local function tell(channel, generation, key, text)
  redis.pcall('XADD', KEYS[3], 'MAXLEN', '1', '*', 'text', text)
  -- Where this user may not: what was done stays done, and who was not told finds it at the next look.
  redis.pcall('PUBLISH', channel, generation .. ' ' .. key)
end
`

export const READ = script("return redis.call('HGET', KEYS[1], 'text')")

export const LEDGER = script("return redis.call('HGET', KEYS[2], 'ledger')")

/** → number, name, milliseconds left, the mark of the last event (empty: there is no stream) */
export const HOLDER = script(`${CLOCK}
local state = redis.call('HMGET', KEYS[2], 'nonce', 'until', 'drawn', 'name')
local left = tonumber(state[2] or 0) - now
if not state[1] or left <= 0 then return false end
local events = redis.pcall('XREVRANGE', KEYS[3], '+', '-', 'COUNT', '1')
local mark = not events.err and events[1] and events[1][1] or ''
return { state[3], state[4], string.format('%.0f', left), mark }
`)

/** nonce, name, lease, floor → number, who was displaced */
export const TAKE = script(`${CLOCK}
local state = redis.call('HMGET', KEYS[2], 'nonce', 'until', 'drawn', 'name', 'last')
if state[1] == ARGV[1] then return { state[3], '' } end
if state[1] and tonumber(state[2] or 0) > now then return false end
local generation = redis.call('HGET', KEYS[1], 'generation')
local known = math.max(tonumber(generation or 0), tonumber(state[3] or 0), tonumber(state[5] or 0), tonumber(ARGV[4]))
local number = string.format('%.0f', known + 1)
local ends = string.format('%.0f', now + tonumber(ARGV[3]))
redis.call('HSET', KEYS[2], 'nonce', ARGV[1], 'name', ARGV[2], 'until', ends, 'drawn', number)
-- A wait needs a mark. Where this holder may not add to the stream, there is none, and nobody waits for what he will not tell.
if redis.pcall('EXISTS', KEYS[3]) == 0 then redis.pcall('XADD', KEYS[3], '*', 'text', '') end
return { number, state[1] and state[4] or '' }
`)

/** nonce, lease → whether it is ours. What ran out is not revived: it may have been given up. */
export const RENEW = script(`${CLOCK}
local state = redis.call('HMGET', KEYS[2], 'nonce', 'until')
if state[1] ~= ARGV[1] or tonumber(state[2] or 0) <= now then return '0' end
redis.call('HSET', KEYS[2], 'until', string.format('%.0f', now + tonumber(ARGV[2])))
return '1'
`)

/** nonce, ledger, last → whether it is ours */
export const NOTE = script(`
if redis.call('HGET', KEYS[2], 'nonce') ~= ARGV[1] then return '0' end
redis.call('HSET', KEYS[2], 'ledger', ARGV[2], 'last', ARGV[3])
return '1'
`)

/** nonce, channel, key as told, text, generation (empty: the record is removed) → whether it is, or was, done by us */
export const COMMIT = script(`${TELL}
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
tell(ARGV[2], ARGV[5], ARGV[3], ARGV[4])
return '1'
`)

/** nonce, channel, key as told */
export const RELEASE = script(`${TELL}
if redis.call('HGET', KEYS[2], 'nonce') ~= ARGV[1] then return '0' end
redis.call('HDEL', KEYS[2], 'nonce', 'name', 'until')
tell(ARGV[2], redis.call('HGET', KEYS[1], 'generation') or '', ARGV[3], '')
return '1'
`)
