import { redis } from '../redis/engine.js'
import { processes } from './processes.js'

await processes(redis)
