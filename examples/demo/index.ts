// What `npm start` runs. The same file is the parent process and, with an argument, each of its
// workers.
import { main } from './main.js'
import { runWorker } from './worker.js'
import { WORKER } from './workers.js'

if (process.argv[2] === WORKER) runWorker()
else void main()
