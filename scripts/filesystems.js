// `npm run test:filesystems`: one fetch on every file system that this machine can mount. Arguments: see
// test/long/filesystems/run.ts.
require('./long-run.js')('filesystems')
