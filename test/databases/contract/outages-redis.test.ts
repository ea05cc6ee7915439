import { redis } from '../redis/engine.js'
import { outages } from './outages.js'

await outages(redis)
