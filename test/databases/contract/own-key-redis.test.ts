import { redis } from '../redis/engine.js'
import { ownKey } from './own-key.js'

await ownKey(redis)
