import t from 'tap'
import { fixture, start } from '../support/children.js'
import { temporaryFolder } from '../support/temporary-folder.js'

const MAX_PRINTED_BYTES = 2000

const programs: [how: string, what: string, printed: RegExp][] = [
  ['fetch', 'a rejecting fetcher', /The fetcher of "API" failed: the upstream is down/],
  ['sync-fetch', 'a throwing fetcher', /The fetcher of "API" failed: the upstream is down/],
  ['result', 'an unusable answer', /it answered \{ access_token \}/],
  ['missing', 'a key without a fetcher', /ERR_DOG_NO_FETCHER/],
  ['misuse', 'a wrong argument', /TypeError.*must be a function/],
  ['expiry', 'a wrong expiry', /TypeError.*expiresIn/],
]

for (const [how, what, printed] of programs) {
  t.test(`An uncaught error of ${what} prints its message in less than 2000 bytes`, async (t) => {
    const dir = temporaryFolder(t)
    const { code, err } = await start(fixture('uncaught.cjs'), { DIR: dir, DOTDOG_DIR: dir, HOW: how }).exited
    t.equal(code, 1)
    t.match(err, printed)
    t.notMatch(err, 'the-secret')
    t.ok(Buffer.byteLength(err) < MAX_PRINTED_BYTES, `${Buffer.byteLength(err)} bytes`)
  })
}
