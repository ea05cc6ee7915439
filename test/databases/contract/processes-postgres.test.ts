import { postgres } from '../postgres/engine.js'
import { processes } from './processes.js'

await processes(postgres)
