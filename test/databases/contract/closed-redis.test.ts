import { redis } from '../redis/engine.js'
import { closed } from './closed.js'

await closed(redis)
