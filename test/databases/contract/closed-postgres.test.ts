import { postgres } from '../postgres/engine.js'
import { closed } from './closed.js'

await closed(postgres)
