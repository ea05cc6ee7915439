import { postgres } from '../postgres/engine.js'
import { dependencies } from './dependencies.js'

await dependencies(postgres)
