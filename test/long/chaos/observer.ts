import { lstatSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { tokenNumber } from './upstream.js'

/** Reads a record and its lock every millisecond, and collects what must never be visible. */
export class RecordObserver {
  /** How many different records were seen. */
  recordCount = 0
  /** Records seen after one of a higher generation, or after a newer token. */
  readonly regressions: string[] = []
  /** Texts that could not be parsed. */
  readonly torn: string[] = []
  /** How many different holders were seen, by the name of the owner file. */
  holderCount = 0
  /** The generation of the current record. */
  generation = 0
  readonly #recordPath: string
  readonly #lockPath: string
  readonly #timer: NodeJS.Timeout
  #stat = ''
  #token = 0
  #owner = ''

  constructor(dir: string, key: string) {
    this.#recordPath = join(dir, `${key}.dog`)
    this.#lockPath = join(dir, '.lock', key)
    this.#timer = setInterval(() => this.check(), 1)
  }

  /** Reads the record if its file has changed. */
  check(): void {
    const found = lstatSync(this.#recordPath, { throwIfNoEntry: false })
    if (found !== undefined) {
      const stat = `${found.ino} ${found.size} ${found.mtimeMs} ${found.ctimeMs}`
      if (stat !== this.#stat) this.#read()
      this.#stat = stat
    }
  }

  #read(): void {
    const text = readFileSync(this.#recordPath, 'utf8')
    let record: { generation: number; value: string }
    try {
      record = JSON.parse(text)
    } catch {
      this.torn.push(text.slice(0, 200))
      return
    }
    const token = tokenNumber(record.value)
    if (record.generation < this.generation || token < this.#token || !(token > 0)) {
      this.regressions.push(`generation ${record.generation} after ${this.generation}, token ${token} after ${this.#token}`)
    }
    if (record.generation !== this.generation) this.recordCount++
    this.generation = record.generation
    this.#token = token
  }

  /** The pid in the name of the owner file; `undefined` while the lock is free. */
  holderPid(): number | undefined {
    let name: string | undefined
    try {
      name = readdirSync(this.#lockPath)[0]
    } catch {}
    if (name === undefined) return undefined
    if (name !== this.#owner) this.holderCount++
    this.#owner = name
    return Number(name.split('.')[2])
  }

  stop(): void {
    clearInterval(this.#timer)
  }
}
