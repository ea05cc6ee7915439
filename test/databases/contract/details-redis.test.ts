import { redis } from '../redis/engine.js'
import { details } from './details.js'

await details(redis)
