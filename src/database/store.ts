import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { DogError, type DogRecord, type Lease, type Ledger, type Store } from 'dotdog'
import { monotonic, now, pause, WakeableSleep } from '../core/shared/clock.js'
import { type DecodeResult, decodeLedger, decodeRecord } from '../core/shared/format.js'
import { onAbort } from '../core/shared/on-abort.js'
import type { Backend, Holder } from './backend.js'
import { Ear } from './change-listener.js'
import { type Ask, GRACE, LEASE, leaseFor, NetworkLease } from './lease.js'

/** Milliseconds between two looks of a waiter who should have been woken: the backstop of a lost message. */
const POLL = 1000
/** Milliseconds between two looks of a waiter while the database does not answer. */
const RETRY = 100

type Parked = { text?: string }

type Warning = { key: string | undefined; code: string; message: string }

/**
 * A store in a database that several machines share, over any {@link Backend}. The rules are the file store's: one lease a
 * key, numbers that order the fetches, commits that only the holder of the lease can make. What differs is who is dead: a
 * holder that has not renewed its lease for 5 s.
 */
export class NetworkStore implements Store {
  readonly #backend: Backend
  readonly #ear: Ear
  readonly #listeners = new Set<(warning: Warning) => void>()
  /** As read last, so that the same text is the same record. */
  readonly #known = new Map<string, { text: string; found: DogRecord | undefined }>()
  /** The last number this process drew, by key: none is used twice, also when the database has lost it. */
  readonly #drawn = new Map<string, number>()
  readonly #closed = new AbortController()

  constructor(backend: Backend) {
    this.#backend = backend
    this.#ear = new Ear(backend)
  }

  get name(): string {
    return this.#backend.name
  }

  onWarning(listener: (warning: Warning) => void): void {
    this.#listeners.add(listener)
  }

  async read(key: string): Promise<DogRecord | undefined> {
    return this.#decoded(key, await this.#ask(key, () => this.#backend.read(key)))
  }

  #decoded(key: string, text: string | undefined): DogRecord | undefined {
    const last = this.#known.get(key)
    if (text === undefined) {
      this.#known.delete(key)
      return undefined
    }
    if (last?.text === text) return last.found
    const found = this.#sound(key, 'record', decodeRecord(text, key))
    this.#known.set(key, { text, found: found?.key === key ? found : undefined })
    return this.#known.get(key)!.found
  }

  async readLedger(key: string): Promise<Ledger | undefined> {
    const text = await this.#ask(key, () => this.#backend.ledger(key))
    return text === undefined ? undefined : this.#sound(key, 'ledger', decodeLedger(text))
  }

  /** What is damaged is a miss; what a later version wrote is left alone, by refusing to go on. */
  #sound<T>(key: string, what: string, decoded: DecodeResult<T>): T | undefined {
    if (decoded === 'newer') throw this.#error(key, `has a ${what} that was written by a newer dotdog`)
    if (decoded !== 'damaged') return decoded
    const message = `${this.#backend.place}: the ${what} of "${key}" is damaged, and counts as missing`
    for (const listener of this.#listeners) listener({ key, code: 'ERR_DOG_STORE', message })
    return undefined
  }

  async holder(key: string): Promise<{ fencingToken: number; name: string } | undefined> {
    const holder = await this.#ask(key, () => this.#backend.holder(key))
    return holder && { fencingToken: holder.fencingToken, name: holder.name }
  }

  async acquire(key: string, timeout: number): Promise<Lease | undefined> {
    const since = monotonic()
    const nonce = randomUUID()
    const limit = timeout * 1000 + GRACE
    const leaseMs = leaseFor(limit)
    // A database that was restored from an older copy must not draw a number again that somebody still remembers.
    const floor = Math.max(Math.floor(now()), this.#drawn.get(key) ?? 0)
    const claim = { nonce, name: `${hostname()}:${process.pid}`, leaseMs, floor }
    const taken = await this.#ask(key, () =>
      this.#backend.take(key, claim).catch((error) => {
        // It may have been done although no answer came: nobody would know whose lease it is.
        this.#backend.release(key, nonce).catch(() => {})
        throw error
      }),
    )
    if (taken === undefined) return undefined
    this.#drawn.set(key, taken.number)
    const ask: Ask = (step) => this.#ask(key, step)
    const closed = this.#closed.signal
    return new NetworkLease(this.#backend, ask, { key, nonce, since, limit, leaseMs, closed, ...taken })
  }

  async waitForChange(key: string, seen: number | undefined, signal: AbortSignal): Promise<DogRecord | undefined> {
    const rest = new WakeableSleep()
    /** Of one who listens. */
    let poll = this.#backend.park === undefined ? await this.#listen() : undefined
    let failing = 0
    while (!signal.aborted) {
      const wake = () => rest.wake()
      let leave: (() => void) | undefined
      const abort = () => {
        wake()
        leave?.()
      }
      // Before the look: what happens after it is heard.
      rest.reset()
      let isNewer = false
      const stop = this.#ear.wait(key, (generation) => {
        isNewer ||= generation !== undefined && generation > (seen ?? 0)
        wake()
      })
      const unfollow = onAbort(signal, abort)
      try {
        // The holder first: what happens after its mark is either read, or ends the wait.
        const looks = [this.#ask(key, () => this.#backend.holder(key)), this.read(key)] as const
        const [holder, record] = await Promise.all(looks)
        if (record?.generation !== seen || holder === undefined) return record
        failing = 0
        if (poll === undefined) {
          const parked = await new Promise<Parked | undefined>((resolve, reject) => {
            leave = () => resolve({})
            if (signal.aborted) leave()
            else this.#park(key, holder).then(resolve, reject)
          })
          if (parked === undefined) poll = await this.#listen()
          else if (parked.text !== undefined) {
            const found = this.#decoded(key, parked.text)
            if (found !== undefined && found.generation > (seen ?? 0)) return found
          }
        } else {
          await rest.sleep(Math.min(poll, holder.left + 1))
          // Another look would cost every waiter a way there and back, all at the same time.
          if (isNewer) return undefined
        }
      } catch (error) {
        // One that is down for longer than a lease is told; a hiccup is not.
        failing ||= monotonic()
        if (monotonic() - failing > LEASE) throw error
        await pause(RETRY, signal)
        poll &&= RETRY
      } finally {
        stop()
        unfollow()
      }
    }
  }

  /** Milliseconds between two looks of one who listens from now on. Deaf, it looks more often. */
  #listen(): Promise<number> {
    return this.#ear.open().then(
      () => POLL,
      () => RETRY,
    )
  }

  /** Waits in the database, if it can, at most until the lease ends. */
  #park(key: string, { mark, left }: Holder): Promise<Parked | undefined> {
    if (mark === undefined) return Promise.resolve(undefined)
    return this.#ask(key, () => this.#backend.park!(key, mark, Math.min(POLL, Math.ceil(left) + 1)))
  }

  watch(listener: (key: string) => void): () => void {
    const tell = (key: string | undefined) => {
      for (const changed of key === undefined ? [...this.#known.keys()] : [key]) listener(changed)
    }
    return this.#ear.watch(tell, () => {
      const message = `${this.#backend.place} cannot be listened to: changes are seen by asking`
      for (const warned of this.#listeners) warned({ key: undefined, code: 'ERR_DOG_STORE', message })
    })
  }

  async *keys(): AsyncIterable<string> {
    const gone = new Set(this.#known.keys())
    try {
      for await (const key of this.#backend.keys()) {
        gone.delete(key)
        yield key
      }
    } catch (error) {
      throw this.#error(undefined, 'cannot be listed', error)
    }
    for (const key of gone) this.#known.delete(key)
  }

  async close(): Promise<void> {
    this.#closed.abort()
    await this.#ear.close()
    await this.#backend.close()
  }

  async #ask<T>(key: string, step: () => Promise<T>): Promise<T> {
    try {
      return await step()
    } catch (error) {
      throw error instanceof DogError ? error : this.#error(key, 'cannot be used', error)
    }
  }

  #error(key: string | undefined, problem: string, cause?: unknown): DogError {
    // A backend's errors hold no secret: what a database says of a row or a command is cut off there.
    const { code, message } = (cause ?? {}) as { code?: unknown; message?: unknown }
    const said = [code, message].filter((part) => typeof part === 'string' && part !== '').join(': ')
    const reason = said === '' ? '' : ` (${said})`
    return new DogError('ERR_DOG_STORE', `${this.#backend.place}: ${problem}${reason}`, {
      ...(key !== undefined && { key }),
      cause,
    })
  }
}
