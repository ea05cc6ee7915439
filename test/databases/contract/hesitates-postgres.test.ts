import { postgres } from '../postgres/engine.js'
import { hesitates } from './hesitates.js'

await hesitates(postgres)
