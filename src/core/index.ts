import type { Dog, Store } from '../../index.js'
import { createDog as createUntypedDog } from './dog/dog.js'
import { DogError, isDogError } from './model/errors.js'
import { checkFileStoreOptions } from './model/options.js'
import { resolveFolder } from './shared/home-folder.js'
import { MemoryStore } from './stores/memory-store.js'
import { openFileStore } from './stores/place/open-file-store.js'

/** The public names, and the default dog, which the package itself is. */

type Contract = typeof import('../../index.js')

/** The types of a dog's keys exist only for the compiler. */
const createDog = createUntypedDog as Contract['createDog']
const memoryStore = (): Store & AsyncDisposable => new MemoryStore()
function fileStore(options: { dir?: string; mode?: number } = {}): Store & AsyncDisposable {
  const { dir, mode } = checkFileStoreOptions(options)
  return openFileStore(dir === undefined ? undefined : resolveFolder('dir', dir), mode)
}

interface Statics {
  createDog: typeof createDog
  memoryStore: typeof memoryStore
  fileStore: typeof fileStore
  DogError: typeof DogError
  isDogError: typeof isDogError
}

const dog: Dog = createUntypedDog()
const dotdog = Object.defineProperties(
  {},
  {
    ...Object.getOwnPropertyDescriptors(dog),
    ...Object.getOwnPropertyDescriptors({ createDog, memoryStore, fileStore, DogError, isDogError }),
  },
) as Dog & Statics

export const { init, get, peek, read, refresh, use, set, remove, forget, status, on, off, close } = dotdog
export { createDog, DogError, fileStore, isDogError, memoryStore }
/** What `require('dotdog')` is. */
export default dotdog
