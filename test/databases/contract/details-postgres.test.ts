import { postgres } from '../postgres/engine.js'
import { details } from './details.js'

await details(postgres)
