// The minimum: reads and parses the file.
const { readFileSync } = require('node:fs')
const { join } = require('node:path')

const { value } = JSON.parse(readFileSync(join(__dirname, '.dog/ACCESS_TOKEN.dog'), 'utf8'))
if (value.length !== 136) process.exitCode = 1
