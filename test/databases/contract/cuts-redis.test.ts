import { redis } from '../redis/engine.js'
import { cuts } from './cuts.js'

await cuts(redis)
