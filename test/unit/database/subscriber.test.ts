import t from 'tap'
import { ReconnectBackoff } from '../../../src/core/shared/reconnect-backoff.js'
import { type ConnectionHandlers, Subscriber } from '../../../src/database/subscriber.js'

interface FakeConnection extends ConnectionHandlers {
  isClosed: boolean
  isDead: boolean
}

/** A subscriber over connections that the test controls. `refuse` makes the next ones fail. */
function fakeSubscriber() {
  const fake = { connections: [] as FakeConnection[], refuse: 0, attempts: 0 }
  const subscriber = new Subscriber({
    open: async (handlers) => {
      fake.attempts++
      if (fake.refuse-- > 0) throw new Error('refused')
      const connection: FakeConnection = { ...handlers, isClosed: false, isDead: false }
      fake.connections.push(connection)
      return {
        ping: async () => {
          if (connection.isDead) throw new Error('dead')
        },
        close: () => {
          connection.isClosed = true
        },
      }
    },
    backoff: new ReconnectBackoff(1, 2),
    pingIntervalMs: 5,
    closedError: () => new Error('closed'),
  })
  return { fake, subscriber }
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1))
}

t.test('all listeners share one connection, which is closed when the last one leaves', async (t) => {
  const { fake, subscriber } = fakeSubscriber()
  const messages: (string | undefined)[] = []
  const listener = (message: string | undefined) => messages.push(message)
  const [first, second] = await Promise.all([subscriber.subscribe(listener), subscriber.subscribe(listener)])
  t.equal(fake.connections.length, 1)
  const connection = fake.connections[0]!
  connection.onMessage('changed')
  t.same(messages, ['changed', 'changed'])
  first()
  connection.onMessage('again')
  t.same(messages, ['changed', 'changed', 'again'])
  t.equal(connection.isClosed, false)
  second()
  t.equal(connection.isClosed, true)
})

t.test('a lost connection is replaced, and every listener learns of the gap', async (t) => {
  const { fake, subscriber } = fakeSubscriber()
  const messages: (string | undefined)[] = []
  await subscriber.subscribe((message) => messages.push(message))
  fake.refuse = 2
  fake.connections[0]!.onEnd()
  await until(() => fake.connections.length === 2)
  await until(() => messages.length > 0)
  t.equal(fake.attempts, 4, 'two tries failed in between')
  t.same(messages, [undefined])
  fake.connections[1]!.onMessage('changed')
  t.same(messages, [undefined, 'changed'])
  subscriber.close()
})

t.test('a connection that does not answer a ping is closed and replaced', async (t) => {
  const { fake, subscriber } = fakeSubscriber()
  await subscriber.subscribe(() => {})
  fake.connections[0]!.isDead = true
  await until(() => fake.connections.length === 2)
  t.equal(fake.connections[0]!.isClosed, true)
  subscriber.close()
})

t.test('a subscription that cannot begin fails, and is not tried again', async (t) => {
  const { fake, subscriber } = fakeSubscriber()
  fake.refuse = 1
  await t.rejects(
    subscriber.subscribe(() => {}),
    { message: 'refused' },
  )
  await new Promise((resolve) => setTimeout(resolve, 10))
  t.equal(fake.attempts, 1)
})

t.test('a subscriber that is closed aborts what it opens and opens nothing more', async (t) => {
  const { fake, subscriber } = fakeSubscriber()
  const pending = subscriber.subscribe(() => {})
  subscriber.close()
  await t.rejects(pending, { message: 'closed' })
  t.equal(fake.connections[0]!.signal.aborted, true)
  t.equal(fake.connections[0]!.isClosed, true)
  await t.rejects(
    subscriber.subscribe(() => {}),
    { message: 'closed' },
  )
  t.equal(fake.attempts, 1)
})
