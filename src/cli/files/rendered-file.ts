import { lstatSync, readFileSync } from 'node:fs'
import type { Dog } from 'dotdog'
import { readTrusted } from '../configuration/file/trust.js'
import { ExitError } from '../lib/exit-error.js'
import { checkOutput } from './safe-folder.js'
import { Template } from './template.js'
import { type Rights, writeWhole } from './write-file.js'

/** A file that has the values of keys in it, as a template says. */

const MODE_BITS = 0o7777

export interface RenderedFileOptions extends Rights {
  template: string
  path: string
}

export class RenderedFile {
  readonly #options: RenderedFileOptions

  constructor(options: RenderedFileOptions) {
    this.#options = options
  }

  /** Whether the file may be written at all. @throws ExitError (code 2) */
  check(): void {
    checkOutput(this.#options.path)
    this.#read()
  }

  /**
   * Writes the file if it is not as it should be.
   *
   * @returns whether it was written
   * @throws ExitError, or what `read` of the dog throws. The file stays as it was then.
   */
  async update(dog: Dog): Promise<boolean> {
    const template = this.#read()
    const values = await Promise.all(template.keys.map(async (key) => [key, await dog.read<unknown>(key)] as const))
    const text = template.render(new Map(values))
    if (this.#isWritten(checkOutput(this.#options.path), text)) return false
    writeWhole(this.#options.path, text, this.#options)
    return true
  }

  #read(): Template {
    const { template } = this.#options
    return new Template(template, readTrusted(template, 'a template decides which secrets are written'))
  }

  #isWritten(path: string, text: string): boolean {
    const found = lstatSync(path, { throwIfNoEntry: false })
    if (found === undefined) return false
    const { mode, gid = process.getgid?.() } = this.#options
    if (process.getgid !== undefined && ((found.mode & MODE_BITS) !== mode || found.gid !== gid)) return false
    try {
      return readFileSync(path, 'utf8') === text
    } catch (error) {
      throw new ExitError(1, `${path} cannot be read (${(error as NodeJS.ErrnoException).code})`)
    }
  }
}
