import { mysql } from '../mysql/engine.js'
import { processes } from './processes.js'

await processes(mysql)
