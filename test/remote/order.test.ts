// Responses that overtake each other, and values that have expired before they arrive.
import { createServer as createHttp } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { central, dotdog, pause, remoteStore } from './setup.js'

t.test('following a key whose values have expired on arrival does not fetch them in a loop', async (t) => {
  const here = await central(t)
  let fetches = 0
  here.dog.init('OVER', (handler) => {
    setTimeout(() => handler(`over ${++fetches}`), 5)
  })
  const dog = here.client()
  for (let round = 0; round < 3; round++) await dog.get('OVER')
  const asked = fetches
  await pause(1500)
  t.ok(fetches - asked <= 4, `${fetches - asked} fetches without a request`)
})

t.test('a response that was overtaken does not restore an older value', async (t) => {
  let generation = 5
  const server = createHttp((request, response) => {
    const body = JSON.stringify({ key: 'K', value: `value ${generation}`, expiresAt: Date.now() + 7_200_000, generation })
    if (request.method === 'POST') {
      generation = 6
      return void response.end(body.replaceAll('5', '6'))
    }
    if (request.url?.includes('since')) return
    // The first response comes at once, the second after a while.
    setTimeout(() => response.end(body), isSlow ? 300 : 0)
  })
  let isSlow = false
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const store = remoteStore({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })
  t.teardown(() => store.close())
  const dog = dotdog.createDog({ store })
  t.equal(await dog.get('K'), 'value 5')
  await pause(120)
  isSlow = true
  const slow = dog.get('K')
  await pause(50)
  t.equal((await store.refresh!('K', { rejected: 'value 5', force: false }, new AbortController().signal)).generation, 6)
  await slow
  for (const ms of [10, 150, 300]) {
    await pause(ms)
    t.equal(await dog.get('K'), 'value 6')
  }
})

t.test('concurrent gets with minTtl on several clients cause one fetch', async (t) => {
  const here = await central(t)
  let fetches = 0
  here.dog.init('SHORT', async () => {
    await pause(100)
    return { value: `short ${++fetches}`, expiresIn: 30 }
  })
  const dogs = Array.from({ length: 5 }, () => here.client())
  for (const dog of dogs) await dog.get('SHORT')
  t.equal(fetches, 1)
  const got = await Promise.all(dogs.map((dog) => dog.get('SHORT', { minTtl: 60 })))
  t.strictSame([...new Set(got)], ['short 2'])
  t.equal(fetches, 2)
})
