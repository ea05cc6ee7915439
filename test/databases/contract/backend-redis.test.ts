import { redis } from '../redis/engine.js'
import { backend } from './backend.js'

await backend(redis)
