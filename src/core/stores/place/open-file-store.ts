import { FileStore } from '../file/store.js'
import { defaultPlace, workingFolder } from './default-folder.js'

/**
 * Opens the store of a folder, or of the default folder. In the default folder, guard_dog's files in
 * the working folder are adopted.
 *
 * @param dir an absolute path
 * @param mode the mode of the files
 */
export function openFileStore(dir: string | undefined, mode: number | undefined): FileStore {
  if (dir !== undefined) return new FileStore(dir, mode)
  const { dir: chosen, warning } = defaultPlace()
  return new FileStore(chosen, mode, { legacyDir: workingFolder(), warning })
}
