import { mysql } from '../mysql/engine.js'
import { outages } from './outages.js'

await outages(mysql)
