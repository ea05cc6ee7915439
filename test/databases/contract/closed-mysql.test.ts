import { mysql } from '../mysql/engine.js'
import { closed } from './closed.js'

await closed(mysql)
