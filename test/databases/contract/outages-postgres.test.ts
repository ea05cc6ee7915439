import { postgres } from '../postgres/engine.js'
import { outages } from './outages.js'

await outages(postgres)
