import { createHash } from 'node:crypto'

/**
 * What happens to a key happens in one of these: each runs alone in Redis, and all of it or nothing is done. KEYS: the record
 * (`text`, `generation`) and the state (`nonce`, `name`, `until` of the lease; `drawn`; `ledger`, `last`; `done`). All are
 * safe to be sent twice by a client that lost the answer.
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

export const READ = script("return redis.call('HGET', KEYS[1], 'text')")

export const LEDGER = script("return redis.call('HGET', KEYS[2], 'ledger')")

/** → number, name, milliseconds left */
export const HOLDER = script(`${CLOCK}
local state = redis.call('HMGET', KEYS[2], 'nonce', 'until', 'drawn', 'name')
local left = tonumber(state[2] or 0) - now
if not state[1] or left <= 0 then return false end
return { state[3], state[4], string.format('%.0f', left) }
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
export const COMMIT = script(`
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
redis.call('PUBLISH', ARGV[2], ARGV[5] .. ' ' .. ARGV[3])
return '1'
`)

/** nonce, channel, key as told */
export const RELEASE = script(`
if redis.call('HGET', KEYS[2], 'nonce') ~= ARGV[1] then return '0' end
redis.call('HDEL', KEYS[2], 'nonce', 'name', 'until')
redis.call('PUBLISH', ARGV[2], (redis.call('HGET', KEYS[1], 'generation') or '') .. ' ' .. ARGV[3])
return '1'
`)
