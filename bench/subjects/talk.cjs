// The protocol of a subject: lines of JSON in, lines of JSON out. It exits when its input ends.
const { createInterface } = require('node:readline')

/** Milliseconds of the monotonic clock, which all processes of a machine share. */
exports.clock = () => Number(process.hrtime.bigint()) / 1e6

exports.say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`)

exports.listen = (onLine) => {
  const lines = createInterface({ input: process.stdin })
  lines.on('line', (text) => onLine(JSON.parse(text)))
  lines.on('close', () => process.exit())
}
