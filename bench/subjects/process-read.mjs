// The minimum, by import.
import fs from 'node:fs'

const { value } = JSON.parse(fs.readFileSync(new URL('./.dog/ACCESS_TOKEN.dog', import.meta.url), 'utf8'))
if (value.length !== 136) process.exitCode = 1
