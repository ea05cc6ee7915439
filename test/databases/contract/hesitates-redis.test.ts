import { redis } from '../redis/engine.js'
import { hesitates } from './hesitates.js'

await hesitates(redis)
