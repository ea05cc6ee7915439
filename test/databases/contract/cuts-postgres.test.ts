import { postgres } from '../postgres/engine.js'
import { cuts } from './cuts.js'

await cuts(postgres)
