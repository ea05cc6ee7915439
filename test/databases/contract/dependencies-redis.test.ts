import { redis } from '../redis/engine.js'
import { dependencies } from './dependencies.js'

await dependencies(redis)
