import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { Dog, DogError } from '../../../index.js'
import { mapConcurrently } from '../../support/children.js'
import { IDENTITY, KEY, ledgerTexts, mutate, NOW, recordTexts, seededRandom } from '../../support/damage/mutate.js'
import { jsonOf, mayServe, mustNotReplace, parseFile } from '../../support/damage/oracle.js'
import { temporaryFolder } from '../../support/temporary-folder.js'
import { createDog, DogError as Failed, fileStore } from '../../support/test-dog.js'

/** The same damage in a real folder, through the whole engine. */

const RECORDS = 300
const LEDGERS = 150
/** A dog's first status reads each damaged file again and again, one after the other. */
const FEW = 40

/** Damaged records of as many keys, whose good ones live on for decades. */
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

function damagedFew(t: Test): string {
  const dir = temporaryFolder(t)
  damagedRecords(dir, 14, FEW)
  return dir
}

function dogIn(t: Test, dir: string, canFetch: boolean): Dog {
  const dog = createDog({ store: fileStore({ dir }), identity: IDENTITY, followOnly: !canFetch, timeout: 10 })
  t.teardown(() => dog.close())
  return dog
}

const settle = async (task: Promise<unknown>) => (await Promise.allSettled([task]))[0]!
const shown = (what: string, key: string, bytes: Buffer) => `${what}: ${key} ${bytes.toString('latin1').slice(0, 300)}`

t.test(`${RECORDS} damaged files: a follower gets a value that is valid, of this key and account, or an error`, async (t) => {
  const dir = temporaryFolder(t)
  const files = damagedRecords(dir, 11)
  const dog = dogIn(t, dir, false)
  const faults: string[] = []
  let served = 0
  const codes: Record<string, number> = {}
  const ask = async ([key, bytes]: [string, Buffer]) => {
    const raw = parseFile(bytes)
    const now = Date.now()
    const got = await settle(dog.get(key))
    if (got.status === 'fulfilled') {
      served++
      if (!mayServe(got.value, raw, key, now)) faults.push(shown(`gave ${jsonOf(got.value)}`, key, bytes))
    } else if (got.reason instanceof Failed) codes[got.reason.code] = (codes[got.reason.code] ?? 0) + 1
    else faults.push(shown(`threw ${got.reason}`, key, bytes))
    const peeked = dog.peek(key)
    if (peeked !== undefined && !mayServe(peeked.value, raw, key, now)) faults.push(shown('peeked', key, bytes))
    if ((peeked !== undefined) !== (got.status === 'fulfilled')) faults.push(shown('peek and get differ', key, bytes))
  }
  await Promise.all([...files].map(ask))
  t.same(faults.slice(0, 10), [])
  t.ok(served > RECORDS / 20, `${served} served`)
  const expected = ['ERR_DOG_DECRYPT', 'ERR_DOG_IDENTITY', 'ERR_DOG_NO_FETCHER', 'ERR_DOG_STORE']
  t.same(Object.keys(codes).sort(), expected, JSON.stringify(codes))

  const all = await dog.status()
  t.equal(all.length, RECORDS)
  t.notMatch(JSON.stringify(all), 'the value of the key')
  for (const { state } of all) t.match(state, /^(fresh|due|expired|missing|unreadable)$/)
  t.equal((await dogIn(t, damagedFew(t), false).status()).length, FEW, 'also where none was read before')
})

t.test(`${RECORDS} damaged files: one fetch heals each that nobody has a claim to`, async (t) => {
  const dir = temporaryFolder(t)
  const files = damagedRecords(dir, 12)
  const dog = dogIn(t, dir, true)
  const follower = dogIn(t, dir, false)
  const faults: string[] = []
  let healed = 0
  const ask = async ([key, bytes]: [string, Buffer]) => {
    let fetches = 0
    dog.init(key, async () => ({ value: `fetched ${++fetches}`, expiresIn: 3600 }), { identity: IDENTITY })
    const raw = parseFile(bytes)
    const now = Date.now()
    const got = await settle(dog.get(key))
    if (got.status === 'rejected') {
      const isFair = got.reason instanceof Failed && mustNotReplace(got.reason, raw, key)
      if (!isFair) faults.push(shown(`not healed, ${got.reason}`, key, bytes))
      return
    }
    if (got.value !== 'fetched 1') {
      if (!mayServe(got.value, raw, key, now)) faults.push(shown(`gave ${jsonOf(got.value)}`, key, bytes))
      return
    }
    healed++
    const seen = await settle(follower.get(key))
    if (seen.status === 'rejected') faults.push(shown(`healed for itself only, ${seen.reason}`, key, bytes))
    if ((await dog.get(key)) !== 'fetched 1' || fetches !== 1) faults.push(shown(`${fetches} fetches`, key, bytes))
  }
  await mapConcurrently([...files], 20, ask)
  t.same(faults.slice(0, 10), [])
  t.ok(healed > RECORDS / 4, `${healed} healed`)
})

t.test(`${LEDGERS} damaged ledgers: a value comes by one fetch, or an error says until when none will`, async (t) => {
  const dir = temporaryFolder(t)
  mkdirSync(join(dir, '.state'), { mode: 0o700 })
  const random = seededRandom(13)
  const dog = dogIn(t, dir, true)
  const faults: string[] = []
  for (let i = 0; i < LEDGERS; i++) {
    const key = `Key${i}`
    const bytes = mutate(ledgerTexts, random)
    writeFileSync(join(dir, '.state', `${key}.json`), bytes)
    let fetches = 0
    dog.init(key, async () => ({ value: `fetched ${++fetches}`, expiresIn: 3600 }), { identity: IDENTITY })
    let got = await settle(dog.get(key))
    if (got.status === 'rejected' && (got.reason as DogError).retryAt !== undefined) {
      const { retryAt } = got.reason as { retryAt: number }
      if (!(retryAt > Date.now() - 1000 && retryAt < Date.now() + 9 * 86_400_000)) faults.push(shown('closed', key, bytes))
      got = await settle(dog.refresh(key, { force: true }))
    }
    const isNewer = Number(parseFile(bytes)?.dotdog) > 1
    if (got.status === 'fulfilled' ? got.value !== 'fetched 1' || fetches !== 1 : !isNewer) {
      faults.push(shown(`${got.status === 'rejected' ? got.reason : fetches}`, key, bytes))
    }
  }
  t.same(faults.slice(0, 10), [])
})

t.test('a record nested deeper than anybody walks is damaged: no RangeError, and one fetch heals it', async (t) => {
  const dir = temporaryFolder(t)
  for (const depth of [1000, 5000, 20_000, 200_000]) {
    const record = { dotdog: 1, key: `K${depth}`, fetchedAt: 1, expiresAt: 4e12, ahead: 0, generation: 1 }
    const text = JSON.stringify(record).replace('}', `,"value":${'['.repeat(depth)}${']'.repeat(depth)}}`)
    writeFileSync(join(dir, `K${depth}.dog`), text)
    const dog = dogIn(t, dir, true)
    dog.init(`K${depth}`, async () => ({ value: 'fetched', expiresIn: 3600 }), { identity: IDENTITY })
    const got = await settle(dog.get(`K${depth}`))
    // Where it can still be walked, it is a value.
    const isValue = got.status === 'fulfilled' && (got.value === 'fetched' || Array.isArray(got.value))
    t.ok(isValue, `${depth}: ${got.status === 'rejected' ? got.reason : ''}`)
  }
})
