// Files that the other programs wrote themselves, in the versions of 2026, with invented values.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parseForeignFile } from '../../../src/cli/import/index.js'

const folder = join(import.meta.dirname, 'files')
const TOKEN = 'dead_invented_token_of_a_fixture_0123456789abcdef'
const TICKET = 'dead_invented_ticket_of_a_fixture'
const read = (name: string) => parseForeignFile(join('/somewhere', name), readFileSync(join(folder, name), 'utf8'))
const json = (name: string, object: unknown) => parseForeignFile(name, JSON.stringify(object))
const token = (expiresAt: number) => ({ key: 'ACCESS_TOKEN', value: TOKEN, expiresAt })
const ticket = (expiresAt: number) => ({ key: 'JSAPI_TICKET', value: TICKET, expiresAt })

const card = (expiresAt: number) => ({ key: 'CARD_TICKET', value: TICKET, expiresAt })

/** When the files were written, and the end that each program gave. */
const WRITTEN = '2026-11-30T22:06:29.213Z'

t.test('each file is recognised, with its key and its end', async (t) => {
  const made = Date.parse(WRITTEN)
  const easywechat = 'official_account.access_token.wx0123456789abcdef.inventedsecretinventedsecret0000.0.cache'
  const expected: Record<string, [string, object[]]> = {
    'ACCESS_TOKEN.dog': ['guard_dog', [token(1796076389542 + 7_200_000)]],
    'co-wechat-api.access_token.txt': ['co-wechat-api', [token(1796083577924)]],
    'tnwx.txt': ['tnwx', [token(1796083578925)]],
    'wechat-info.json': ['wechat-jssdk', [token(made + 7_200_000), ticket(made + 3_600_000), card(made + 13 + 3_600_000)]],
    [easywechat]: ['node-easywechat', [token(1796083588000)]],
    'official_account.jsapi_ticket.wx0123456789abcdef.cache': ['node-easywechat', [ticket(1796083588000)]],
  }
  t.same(readdirSync(folder).sort(), Object.keys(expected).sort())
  for (const [name, [writer, values]] of Object.entries(expected)) t.same(read(name), { writer, values }, writer)
})

t.test("the tutorials' wechat.txt has its end in epoch milliseconds", async (t) => {
  const { writer, values } = json('wechat.txt', { access_token: TOKEN, expires_in: 1796083578925 })
  t.same([writer, values], ['the wechat.txt of tutorials', [token(1796083578925)]])
  t.same(json('ticket.txt', { ticket: TICKET, expires_in: 1796083578925 }).values, [ticket(1796083578925)])
})

t.test('the stable token of node-easywechat has a key of its own', async (t) => {
  const name = 'official_account.access_token.wx1.the.secret.1.cache'
  t.match(json(name, { data: TOKEN, lifeTime: 1796083588 }).values, [{ key: 'ACCESS_TOKEN_STABLE' }])
})

t.test('what has no known end is refused, and nothing of it is shown', async (t) => {
  const wrong: [string, string][] = [
    ['x.json', ''],
    ['x.json', `S3cret ${TOKEN}`],
    ['x.json', JSON.stringify([TOKEN])],
    // The answer of an upstream: it does not say when it came.
    ['x.json', JSON.stringify({ access_token: TOKEN, expires_in: 7200 })],
    ['x.json', JSON.stringify({ errcode: 40001, errmsg: 'S3cret' })],
    ['x.json', JSON.stringify({ accessToken: TOKEN, expireTime: 'soon' })],
    ['x.json', JSON.stringify({ access_token: '', expired_time: 1796083578925 })],
    ['KEY.dog', JSON.stringify({ data: null, gen_time: 1796083578925 })],
    ['S3cret.cache', JSON.stringify({ data: TOKEN, lifeTime: 1796083588 })],
    ['official_account.access_token.wx1.S3cret.0.cache', JSON.stringify({ data: TOKEN, lifeTime: 0 })],
    ['x.json', JSON.stringify({ globalToken: { count: 0, accessToken: TOKEN, modifyDate: 'never' } })],
  ]
  for (const [name, text] of wrong) {
    try {
      t.fail(JSON.stringify(parseForeignFile(name, text)))
    } catch (error) {
      const { message } = error as Error
      t.notMatch(message, /S3cret|dead_invented/, message)
      t.match(message, /^the file (is|has no value)/)
    }
  }
})
