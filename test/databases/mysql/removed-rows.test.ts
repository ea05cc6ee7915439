// The rows of removed keys, where the user may not delete them.
import { createRequire } from 'node:module'
import t from 'tap'
import '../../support/built.js'
import { until } from '../../support/timing.js'
import { PASSWORD, withServer } from './server.js'

const require = createRequire(import.meta.url)
const { mysqlStore }: typeof import('../../../src/mysql/index.js') = require('../../../dist/mysql/index.js')
const { createDog }: typeof import('../../../index.js') = require('../../../dist/index.js')

await withServer(t, async (server) => {
  t.test('A user without the right to delete rows removes keys all the same, and their rows stay', async (t) => {
    const table = server.table()
    const owner = mysqlStore({ uri: server.url(), table })
    await (await owner.acquire('FIRST', 10))!.release()
    await server.admin(`CREATE USER no_delete IDENTIFIED BY '${PASSWORD}'`)
    await server.admin(`GRANT SELECT, INSERT, UPDATE ON ${table} TO no_delete`)
    const store = mysqlStore({ uri: server.url('no_delete'), table })
    const dog = createDog({ store })
    const warnings: unknown[] = []
    dog.on('warning', (warning) => warnings.push(warning))
    await dog.set('K', 'v', { expiresIn: 60 })
    t.equal(await dog.remove('K'), true)
    await server.admin(`UPDATE ${table} SET \`until\` = '2000-01-01'`)
    const again = createDog({ store: mysqlStore({ uri: server.url('no_delete'), table }) })
    await again.set('OTHER', 'v', { expiresIn: 60 })
    await dog.set('OTHER', 'w', { expiresIn: 60 })
    t.equal(await again.remove('OTHER'), true)
    t.same(warnings, [])
    const rows = async () => (await server.admin(`SELECT CAST(\`key\` AS CHAR) AS name FROM ${table}`)).map(({ name }) => name)
    t.ok((await rows()).includes('K'))
    const ownerDog = createDog({ store: owner })
    await until(async () => {
      await ownerDog.set('OTHER', 'v', { expiresIn: 60 })
      return !(await rows()).includes('K')
    })
    await Promise.all([dog, again, ownerDog].map((one) => one.close()))
    await Promise.all([store, owner].map((one) => one.close()))
  })
})
