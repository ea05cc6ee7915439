import { inspect } from 'node:util'
import { Redis } from 'ioredis'
import t from 'tap'
import { RedisBackend } from '../../../src/redis/backend.js'
import { OwnConnections } from '../../../src/redis/connection-provider.js'
import { startUpstream } from '../../support/upstream.js'
import { startProxy } from '../support/cutting-proxy.js'
import { startWorker } from '../support/workers.js'
import { configOf, engine, startRedis } from './server.js'

t.test('A published message has a generation and a key, never a value', engine, async (t) => {
  const { url, port } = await startRedis(t)
  const upstream = await startUpstream()
  t.teardown(() => upstream.close())
  const subscriber = new Redis(port)
  t.teardown(() => subscriber.disconnect())
  const published: string[] = []
  subscriber.on('pmessage', (_pattern, channel, message) => published.push(`${channel} ${message}`))
  await subscriber.psubscribe('*')
  await startWorker(t, configOf({ url }), upstream).answered
  await startWorker(t, configOf({ url }), upstream, { REFRESH: '{}' }).answered
  upstream.failures = 1
  await startWorker(t, configOf({ url }), upstream, { REFRESH: '{}' }).answered
  t.ok(published.length >= 3)
  for (const message of published) t.match(message, /^dotdog:changes \d+ TOKEN$/)
})

t.test('No error shows what was sent, nor the user that sent it', engine, async (t) => {
  const password = 'marked-password'
  const value = 'marked-value'
  const server = await startRedis(t)
  await server.admin.acl('SETUSER', 'marked-user', 'on', `>${password}`, '~*', '&*', '+@all')
  const proxy = await startProxy(t, server.port)
  const backendOf = (user: string, word: string, port = proxy.port) => {
    const backend = new RedisBackend(
      new OwnConnections(`redis://${user}:${word}@127.0.0.1:${port}`, undefined, `127.0.0.1:${port}`),
      'dotdog:',
    )
    t.teardown(() => backend.close())
    return backend
  }
  const backend = backendOf('marked-user', password)
  const commit = (by = backend) => by.commit('K', 'marked-nonce', { text: value, generation: 1 })
  const fails = async (code: string, task: Promise<unknown>) => {
    const error = await task.then(
      () => t.fail('it fails'),
      (error) => error,
    )
    t.equal(error.code, code)
    const text = inspect(error, { showHidden: true, depth: 20, getters: true })
    t.notMatch(text, /marked/, text)
  }

  await fails('WRONGPASS', commit(backendOf('marked-user', 'marked-wrong')))
  await fails('WRONGPASS', commit(backendOf('marked-nobody', password)))
  proxy.cutAt = (chunk) => chunk.includes(value)
  await fails('ECLOSED', commit())
  t.ok(proxy.cuts > 2, 'the commit was repeated')
  proxy.cutAt = undefined
  await server.admin.set('dotdog:{K}:state', 'text of somebody else')
  await fails('WRONGTYPE', commit())
  await server.admin.acl('SETUSER', 'marked-user', '-eval')
  await fails('NOPERM', commit())
  await server.admin.acl('SETUSER', 'marked-user', '+eval', '-hmget')
  await fails('ERR', commit())
  await server.admin.acl('SETUSER', 'marked-user', '+hmget')
  await server.pause()
  await fails('ETIMEDOUT', commit())
  server.resume()
  await server.kill()
  await fails('ECONNREFUSED', commit(backendOf('marked-user', password, server.port)))
})

t.test('An error of Redis that repeats the arguments is not passed on', engine, async (t) => {
  const { url, port } = await startRedis(t, { args: ['--rename-command', 'EVAL', ''] })
  const backend = new RedisBackend(new OwnConnections(url, undefined, `127.0.0.1:${port}`), 'dotdog:')
  t.teardown(() => backend.close())
  const error = await backend.commit('K', 'n', { text: 'marked', generation: 1 }).catch((error) => error)
  t.equal(error.code, 'ERR')
  t.notMatch(inspect(error, { showHidden: true, depth: 20 }), /marked/)
})
