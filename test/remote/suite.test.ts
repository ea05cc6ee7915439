import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import type { Store } from '../../index.js'
import { runStoreSuite } from '../support/run-store-suite.js'
import { CLIENT, createServer, dotdog, remoteStore, TOKEN } from './setup.js'

runStoreSuite(t, {
  factory: async () => {
    const dir = mkdtempSync(join(tmpdir(), 'dotdog-remote-'))
    const dog = dotdog.createDog({ dir })
    let fetches = 0
    dog.init('FETCHED', async () => ({ value: `fetched ${++fetches}`, expiresIn: 7200 }))
    const server = createServer({ dog, clients: [CLIENT] })
    const url = await server.listen({ port: 0 })
    const opened: Store[] = []
    return {
      store: dotdog.fileStore({ dir }),
      open: async () => {
        const store = remoteStore({ url, token: TOKEN })
        opened.push(store)
        return store
      },
      close: async () => {
        await Promise.all(opened.map((store) => store.close()))
        await server.close()
        await dog.close()
        rmSync(dir, { recursive: true })
      },
    }
  },
  supports: { leases: false, watch: true },
})
