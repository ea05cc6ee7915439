// `npm start`. The same file is the parent and, with an argument, each of its workers.
import { main } from './main.js'
import { work } from './worker.js'
import { WORKER } from './workers.js'

if (process.argv[2] === WORKER) work()
else void main()
