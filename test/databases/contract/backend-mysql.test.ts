import { mysql } from '../mysql/engine.js'
import { backend } from './backend.js'

await backend(mysql)
