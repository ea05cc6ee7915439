import { lstatSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { tokenNumber } from './upstream.js'

/** Looks at a record and its lock every millisecond, as a reader would, and remembers what must never be seen. */
export class Watch {
  /** Records that were seen. */
  seen = 0
  /** Seen after one of a later-drawn number, or of a later token. */
  readonly older: string[] = []
  readonly torn: string[] = []
  /** Holders, by pid and nonce, in order. */
  holders = 0
  /** The number of the record that is there. */
  generation = 0
  readonly #record: string
  readonly #lock: string
  readonly #timer: NodeJS.Timeout
  #stat = ''
  #token = 0
  #holder = ''

  constructor(dir: string, key: string) {
    this.#record = join(dir, `${key}.dog`)
    this.#lock = join(dir, '.lock', key)
    this.#timer = setInterval(() => this.look(), 1)
  }

  look(): void {
    const found = lstatSync(this.#record, { throwIfNoEntry: false })
    if (found !== undefined) {
      const stat = `${found.ino} ${found.size} ${found.mtimeMs} ${found.ctimeMs}`
      if (stat !== this.#stat) this.#read()
      this.#stat = stat
    }
  }

  #read(): void {
    const text = readFileSync(this.#record, 'utf8')
    let record: { generation: number; value: string }
    try {
      record = JSON.parse(text)
    } catch {
      this.torn.push(text.slice(0, 200))
      return
    }
    const token = tokenNumber(record.value)
    if (record.generation < this.generation || token < this.#token || !(token > 0)) {
      this.older.push(`number ${record.generation} after ${this.generation}, token ${token} after ${this.#token}`)
    }
    if (record.generation !== this.generation) this.seen++
    this.generation = record.generation
    this.#token = token
  }

  /** The pid in the name of the lock's owner file. */
  holder(): number | undefined {
    let name: string | undefined
    try {
      name = readdirSync(this.#lock)[0]
    } catch {}
    if (name === undefined) return undefined
    if (name !== this.#holder) this.holders++
    this.#holder = name
    return Number(name.split('.')[2])
  }

  end(): void {
    clearInterval(this.#timer)
  }
}
