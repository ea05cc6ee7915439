import { resolve } from 'node:path'
import type { Dog, Store } from '../../index.js'
import { createDog } from './dog/dog.js'
import { DogError } from './model/errors.js'
import { checkFileStoreOptions } from './model/options.js'
import { FileStore } from './stores/file/store.js'
import { MemoryStore } from './stores/memory.js'

/** The public names, and the default dog, which the package itself is. */

const memoryStore = (): Store => new MemoryStore()
function fileStore(options: { dir?: string; mode?: number } = {}): Store {
  const { dir, mode } = checkFileStoreOptions(options)
  return new FileStore(dir === undefined ? undefined : resolve(dir), mode)
}

interface Statics {
  createDog: typeof createDog
  memoryStore: typeof memoryStore
  fileStore: typeof fileStore
  DogError: typeof DogError
}

const dog: Dog = createDog()
const dotdog = Object.defineProperties(
  {},
  {
    ...Object.getOwnPropertyDescriptors(dog),
    ...Object.getOwnPropertyDescriptors({ createDog, memoryStore, fileStore, DogError }),
  },
) as Dog & Statics

export const { init, get, peek, refresh, use, set, remove, status, on, off, close } = dotdog
export { createDog, DogError, fileStore, memoryStore }
/** What `require('dotdog')` is. */
export default dotdog
