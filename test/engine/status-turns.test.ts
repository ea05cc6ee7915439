import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { temporaryFolder } from '../support/temporary-folder.js'
import { createDog, memoryStore } from '../support/test-dog.js'

/** Counts the turns of the event loop during a task. */
async function turnsDuring(task: () => Promise<unknown>): Promise<number> {
  let turns = 0
  let isOver = false
  const count = () => {
    if (isOver) return
    turns++
    setImmediate(count)
  }
  setImmediate(count)
  await task()
  isOver = true
  return turns
}

t.test('status() of many files lets the event loop turn, and lists them in order', async (t) => {
  const dir = temporaryFolder(t)
  const fetchedAt = Date.now()
  const keys = Array.from({ length: 9000 }, (_, at) => `USER_${at}`)
  for (const key of keys) {
    const record = { dotdog: 1, key, value: 'v', fetchedAt, expiresAt: fetchedAt + 60_000, ahead: 0, generation: fetchedAt }
    writeFileSync(join(dir, `${key}.dog`), JSON.stringify(record), { mode: 0o600 })
  }
  const dog = createDog({ dir })
  dog.init('USER_1', async () => ({ value: 'v', expiresIn: 60 }))
  let found: string[] = []
  const turns = await turnsDuring(async () => {
    found = (await dog.status()).map(({ key }) => key)
  })
  t.same(found, [...keys].sort())
  t.ok(turns >= 3, `${turns} turns`)
  await dog.close()
})

t.test('status() of many registered keys lets the event loop turn', async (t) => {
  const dog = createDog({ store: memoryStore() })
  for (let at = 0; at < 50_000; at++) dog.init(`USER_${at}`, async () => ({ value: 'v', expiresIn: 60 }))
  const turns = await turnsDuring(() => dog.status())
  t.ok(turns >= 3, `${turns} turns`)
  await dog.close()
})
