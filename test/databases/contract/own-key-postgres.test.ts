import { postgres } from '../postgres/engine.js'
import { ownKey } from './own-key.js'

await ownKey(postgres)
