import { mysql } from '../mysql/engine.js'
import { hesitates } from './hesitates.js'

await hesitates(mysql)
