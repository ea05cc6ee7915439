import { mysql } from '../mysql/engine.js'
import { cuts } from './cuts.js'

await cuts(mysql)
