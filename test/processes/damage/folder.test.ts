import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { Dog, DogError } from '../../../index.js'
import { mapConcurrently } from '../../support/children.js'
import { IDENTITY, KEY, ledgerTexts, mutate, NOW, recordTexts, seededRandom } from '../../support/damage/mutate.js'
import { jsonOf, mayServe, mustNotReplace, parseFile } from '../../support/damage/oracle.js'
import { temporaryFolder } from '../../support/temporary-folder.js'
import { createDog, DogError as Failed, fileStore } from '../../support/test-dog.js'

/** Damaged files in a real folder, read by the whole engine. */

const RECORDS = 300
const LEDGERS = 150
/**
 * Few, as the first status of a dog reads each damaged file three times, one file after another.
 */
const FEW_RECORDS = 40

/** Writes damaged records of `count` keys. The records before the damage are valid for decades. */
function damagedRecords(dir: string, seed: number, count = RECORDS): Map<string, Buffer> {
  const random = seededRandom(seed)
  const files = new Map<string, Buffer>()
  for (let i = 0; i < count; i++) {
    const key = `Key${i}`
    const later = (text: string) => text.replaceAll(KEY, key).replaceAll(String(NOW + 3_600_000), '4000000000000')
    const bytes = mutate(recordTexts.map(later), random)
    files.set(key, bytes)
    writeFileSync(join(dir, `${key}.dog`), bytes)
  }
  return files
}

function folderOfFewDamagedFiles(t: Test): string {
  const dir = temporaryFolder(t)
  damagedRecords(dir, 14, FEW_RECORDS)
  return dir
}

function dogIn(t: Test, dir: string, canFetch: boolean): Dog {
  const dog = createDog({ store: fileStore({ dir }), identity: IDENTITY, followOnly: !canFetch, timeout: 10 })
  t.teardown(() => dog.close())
  return dog
}

const settle = async (task: Promise<unknown>) => (await Promise.allSettled([task]))[0]!
const describeFile = (what: string, key: string, bytes: Buffer) => `${what}: ${key} ${bytes.toString('latin1').slice(0, 300)}`

t.test(`From ${RECORDS} damaged files a follower gets only errors and valid values of this key and account`, async (t) => {
  const dir = temporaryFolder(t)
  const files = damagedRecords(dir, 11)
  const dog = dogIn(t, dir, false)
  const violations: string[] = []
  let served = 0
  const codes: Record<string, number> = {}
  const ask = async ([key, bytes]: [string, Buffer]) => {
    const raw = parseFile(bytes)
    const now = Date.now()
    const got = await settle(dog.get(key))
    if (got.status === 'fulfilled') {
      served++
      if (!mayServe(got.value, raw, key, now)) violations.push(describeFile(`gave ${jsonOf(got.value)}`, key, bytes))
    } else if (got.reason instanceof Failed) codes[got.reason.code] = (codes[got.reason.code] ?? 0) + 1
    else violations.push(describeFile(`threw ${got.reason}`, key, bytes))
    const peeked = dog.peek(key)
    if (peeked !== undefined && !mayServe(peeked.value, raw, key, now)) violations.push(describeFile('peeked', key, bytes))
    if ((peeked !== undefined) !== (got.status === 'fulfilled'))
      violations.push(describeFile('peek and get differ', key, bytes))
  }
  await Promise.all([...files].map(ask))
  t.same(violations.slice(0, 10), [])
  t.ok(served > RECORDS / 20, `${served} served`)
  const expected = ['ERR_DOG_DECRYPT', 'ERR_DOG_IDENTITY', 'ERR_DOG_NO_FETCHER', 'ERR_DOG_STORE']
  t.same(Object.keys(codes).sort(), expected, JSON.stringify(codes))

  const all = await dog.status()
  t.equal(all.length, RECORDS)
  t.notMatch(JSON.stringify(all), 'the value of the key')
  for (const { state } of all) t.match(state, /^(fresh|due|expired|missing|unreadable)$/)
  t.equal(
    (await dogIn(t, folderOfFewDamagedFiles(t), false).status()).length,
    FEW_RECORDS,
    'also in a dog that has read no file before',
  )
})

t.test(`One fetch replaces each of ${RECORDS} damaged files that belongs to no other version, key or account`, async (t) => {
  const dir = temporaryFolder(t)
  const files = damagedRecords(dir, 12)
  const dog = dogIn(t, dir, true)
  const follower = dogIn(t, dir, false)
  const violations: string[] = []
  let replaced = 0
  const ask = async ([key, bytes]: [string, Buffer]) => {
    let fetches = 0
    dog.init(key, async () => ({ value: `fetched ${++fetches}`, expiresIn: 3600 }), { identity: IDENTITY })
    const raw = parseFile(bytes)
    const now = Date.now()
    const got = await settle(dog.get(key))
    if (got.status === 'rejected') {
      const isRightError = got.reason instanceof Failed && mustNotReplace(got.reason, raw, key)
      if (!isRightError) violations.push(describeFile(`not replaced, ${got.reason}`, key, bytes))
      return
    }
    if (got.value !== 'fetched 1') {
      if (!mayServe(got.value, raw, key, now)) violations.push(describeFile(`gave ${jsonOf(got.value)}`, key, bytes))
      return
    }
    replaced++
    const seen = await settle(follower.get(key))
    if (seen.status === 'rejected') violations.push(describeFile(`replaced for itself only, ${seen.reason}`, key, bytes))
    if ((await dog.get(key)) !== 'fetched 1' || fetches !== 1) violations.push(describeFile(`${fetches} fetches`, key, bytes))
  }
  await mapConcurrently([...files], 20, ask)
  t.same(violations.slice(0, 10), [])
  t.ok(replaced > RECORDS / 4, `${replaced} replaced`)
})

t.test(
  `With each of ${LEDGERS} damaged ledgers, a value comes from one fetch or an error has the time of the next`,
  async (t) => {
    const dir = temporaryFolder(t)
    mkdirSync(join(dir, '.state'), { mode: 0o700 })
    const random = seededRandom(13)
    const dog = dogIn(t, dir, true)
    const violations: string[] = []
    for (let i = 0; i < LEDGERS; i++) {
      const key = `Key${i}`
      const bytes = mutate(ledgerTexts, random)
      writeFileSync(join(dir, '.state', `${key}.json`), bytes)
      let fetches = 0
      dog.init(key, async () => ({ value: `fetched ${++fetches}`, expiresIn: 3600 }), { identity: IDENTITY })
      let got = await settle(dog.get(key))
      if (got.status === 'rejected' && (got.reason as DogError).retryAt !== undefined) {
        const { retryAt } = got.reason as { retryAt: number }
        if (!(retryAt > Date.now() - 1000 && retryAt < Date.now() + 9 * 86_400_000))
          violations.push(describeFile('blocked for too long', key, bytes))
        got = await settle(dog.refresh(key, { force: true }))
      }
      const isNewer = Number(parseFile(bytes)?.dotdog) > 1
      if (got.status === 'fulfilled' ? got.value !== 'fetched 1' || fetches !== 1 : !isNewer) {
        violations.push(describeFile(`${got.status === 'rejected' ? got.reason : fetches}`, key, bytes))
      }
    }
    t.same(violations.slice(0, 10), [])
  },
)

t.test('A record that is nested too deeply counts as damaged: no RangeError, and one fetch replaces it', async (t) => {
  const dir = temporaryFolder(t)
  for (const depth of [1000, 5000, 20_000, 200_000]) {
    const record = { dotdog: 1, key: `K${depth}`, fetchedAt: 1, expiresAt: 4e12, ahead: 0, generation: 1 }
    const text = JSON.stringify(record).replace('}', `,"value":${'['.repeat(depth)}${']'.repeat(depth)}}`)
    writeFileSync(join(dir, `K${depth}.dog`), text)
    const dog = dogIn(t, dir, true)
    dog.init(`K${depth}`, async () => ({ value: 'fetched', expiresIn: 3600 }), { identity: IDENTITY })
    const got = await settle(dog.get(`K${depth}`))
    // Where JSON.stringify can still walk the record, its value is valid.
    const isValue = got.status === 'fulfilled' && (got.value === 'fetched' || Array.isArray(got.value))
    t.ok(isValue, `${depth}: ${got.status === 'rejected' ? got.reason : ''}`)
  }
})
