// `npm run test:chaos`: the long runs of test/long/chaos. Arguments and environment: see its run.ts.
require('./long-run.js')('chaos')
