import t from 'tap'
import {
  decodeKey,
  encodeKey,
  fingerprint,
  isManaged,
  isTruncated,
  keyLock,
  ledgerFile,
  makeOwner,
  type Owner,
  parseOwner,
  parsePreparedLock,
  preparedLock,
  recordFile,
  recordName,
} from '../../../../../src/core/stores/file/file-names.js'

const KEYS: [key: string, name: string][] = [
  ['ACCESS_TOKEN', 'ACCESS_TOKEN'],
  ['access-token-2', 'access-token-2'],
  ['a.b', 'a%2Eb'],
  ['.', '%2E'],
  ['..', '%2E%2E'],
  ['../X', '%2E%2E%2FX'],
  ['a/b', 'a%2Fb'],
  ['a\\b', 'a%5Cb'],
  ['/etc/passwd', '%2Fetc%2Fpasswd'],
  ['C:X', 'C%3AX'],
  [' ', '%20'],
  ['%', '%25'],
  ['%41', '%2541'],
  ['~', '%7E'],
  ['\0', '%00'],
  ['\n', '%0A'],
  ['中文', '%E4%B8%AD%E6%96%87'],
  ['🔑', '%F0%9F%94%91'],
  ['é', '%C3%A9'],
  ['CON', '%43ON'],
  ['con', '%63on'],
  ['nul', '%6Eul'],
  ['COM1', '%43OM1'],
  ['lpt9', '%6Cpt9'],
  ['CONSOLE', 'CONSOLE'],
  ['COM10', 'COM10'],
  ['con.txt', 'con%2Etxt'],
]

t.test('A key is encoded to a file name that stays in the folder, and decoded to the same key', async (t) => {
  for (const [key, name] of KEYS) {
    t.equal(encodeKey(key), name)
    t.equal(decodeKey(name), key)
    t.match(name, /^[A-Za-z0-9_%-]+$/)
  }
})

t.test('The name of a key of 120 characters fits every file system', async (t) => {
  for (const char of ['a', '.', 'é', '中', '🔑'.slice(0, 2)]) {
    const key = char.repeat(120 / char.length)
    const name = encodeKey(key)
    t.ok(Buffer.byteLength(`${name}.json.1234567890`) <= 255, name)
    t.match(name, /^[A-Za-z0-9_%~-]+$/)
    t.equal(isTruncated(name), char !== 'a')
    t.equal(decodeKey(name), char === 'a' ? key : undefined, 'a truncated name does not give its key')
  }
})

t.test('Names are truncated from 181 characters on', async (t) => {
  const of = (dots: number, letters: number) => encodeKey('.'.repeat(dots) + 'a'.repeat(letters))
  t.equal(of(40, 60).length, 180)
  t.notOk(isTruncated(of(40, 60)))
  t.ok(isTruncated(of(40, 61)))
  t.ok(of(40, 61).length <= 180)
})

t.test('Truncated names differ where their keys do, even after the cut', async (t) => {
  const names = new Set<string>()
  for (let i = 0; i < 1000; i++) names.add(encodeKey(`${'中'.repeat(116)}${i}`))
  t.equal(names.size, 1000)
})

t.test('A name that encodeKey would not produce is not decoded', async (t) => {
  const bad = [
    '',
    'a.b',
    '%2e',
    '%41',
    '%',
    '%4',
    '%ZZ',
    '%E4',
    '%E4%B8',
    'a b',
    '中',
    'con',
    'CON',
    '..',
    'a~0123456789abcdef',
    '%C0%AF',
  ]
  for (const name of bad) t.equal(decodeKey(name), undefined, name)
})

t.test('Each file of a key has its path', async (t) => {
  t.equal(recordFile('/d', '../X'), '/d/%2E%2E%2FX.dog')
  t.equal(ledgerFile('/d', 'K'), '/d/.state/K.json')
  t.equal(keyLock('/d', 'K'), '/d/.lock/K')
  t.equal(recordName('K.dog'), 'K')
  for (const other of ['.dog', 'K.json', 'K', 'K.dog.123', '']) t.equal(recordName(other), undefined, other)
})

t.test('isManaged distinguishes our files in a folder from others', async (t) => {
  for (const name of ['.gitignore', '.state', '.lock', 'K.dog', '.DS_Store']) t.ok(isManaged(name), name)
  for (const name of ['package.json', 'src', '.git', 'dog', '.env']) t.notOk(isManaged(name), name)
})

t.test('fingerprint gives 64 bits in 16 digits, and never changes, as fingerprints are on disk', async (t) => {
  t.equal(fingerprint(''), 'cbf29ce484222325')
  t.equal(fingerprint('a'), 'af63dc4c8601ec8c')
  t.equal(fingerprint('foobar'), '85944171f73967e8')
})

const parts: Omit<Owner, 'name'> = {
  fencingToken: 1763650000001,
  processScope: 'cbf29ce484222325',
  pid: 4194304,
  processStart: '123456789',
  acquiredAt: 987654321,
  timeoutMs: 30000,
  nonce: '0123456789abcdef',
}

t.test('The name of a lock file holds the whole owner', async (t) => {
  const owner = makeOwner(parts)
  t.equal(owner.name, '1763650000001.cbf29ce484222325.4194304.123456789.987654321.30000.0123456789abcdef')
  t.same(parseOwner(owner.name), owner)
  t.equal(preparedLock('/d', owner), `/d/.lock/~${owner.name}`)
  t.same(parsePreparedLock(`~${owner.name}`), owner)
  t.equal(parsePreparedLock(owner.name), undefined)
  t.ok(
    Buffer.byteLength(makeOwner({ ...parts, fencingToken: Number.MAX_SAFE_INTEGER, processStart: '9'.repeat(20) }).name) < 250,
  )
})

t.test('A name that is no owner is not parsed as one', async (t) => {
  const { name } = makeOwner(parts)
  const fields = name.split('.')
  const without = (i: number, text: string) => fields.map((field, at) => (at === i ? text : field)).join('.')
  const bad = [
    '',
    '.',
    'lockfile',
    name.slice(1 + name.indexOf('.')),
    `${name}.1`,
    `~${name}`,
    ` ${name}`,
    `${name}\n`,
    name.slice(0, -1),
    name.toUpperCase(),
  ]
  for (const text of [
    ...bad,
    ...fields.map((_, i) => without(i, '')),
    ...fields.map((_, i) => without(i, '-1')),
    without(2, '1e3'),
  ]) {
    t.equal(parseOwner(text), undefined, JSON.stringify(text))
  }
})
