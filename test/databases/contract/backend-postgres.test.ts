import { postgres } from '../postgres/engine.js'
import { backend } from './backend.js'

await backend(postgres)
