// The folder in which the subjects run. It is outside the project, and contains their programs and
// copies of the packages as npm would install them, so that packages are resolved without links that
// an installed package would not have.
import { spawn } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

export const here = dirname(fileURLToPath(import.meta.url))
const root = resolve(here, '..')

/** A value with the length of a WeChat token. */
export const TOKEN = 'T'.repeat(136)

export class Lab {
  constructor() {
    this.path = mkdtempSync(join(tmpdir(), 'dotdog-bench-'))
    this.running = new Set()
    const modules = join(this.path, 'node_modules')
    mkdirSync(join(modules, 'dotdog'), { recursive: true })
    for (const file of ['package.json', 'dist']) cpSync(join(root, file), join(modules, 'dotdog', file), { recursive: true })
    // The dependencies that dotdog loads when it fetches.
    symlinkSync(join(root, 'node_modules'), join(modules, 'dotdog/node_modules'))
    // The same copy that dotdog/redis loads.
    symlinkSync(join(root, 'node_modules/ioredis'), join(modules, 'ioredis'))
    cpSync(join(here, 'node_modules/guard_dog'), join(modules, 'guard_dog'), { recursive: true })
    for (const name of readdirSync(join(here, 'node_modules'))) {
      if (!name.startsWith('.') && !existsSync(join(modules, name)))
        symlinkSync(join(here, 'node_modules', name), join(modules, name))
    }
    writeFileSync(join(this.path, 'package.json'), '{ "private": true }\n')
    cpSync(join(here, 'subjects'), this.path, { recursive: true })
  }

  program(name) {
    return join(this.path, name)
  }

  /** A new, empty folder for `.dog` files. */
  folder(name) {
    const path = join(this.path, name)
    mkdirSync(path, { mode: 0o700, recursive: true })
    return path
  }

  /** Starts a program that exchanges lines of JSON with the benchmark. */
  start(program, args = [], flags = []) {
    const subject = new Subject(
      spawn(process.execPath, [...flags, this.program(program), ...args.map(String)], { cwd: this.path }),
    )
    this.running.add(subject)
    subject.ended.then(() => this.running.delete(subject))
    return subject
  }

  async close() {
    for (const subject of this.running) subject.child.kill('SIGKILL')
    await Promise.all([...this.running].map((subject) => subject.ended))
    rmSync(this.path, { recursive: true, force: true })
  }
}

/** A program under measurement. It gets lines of JSON, and prints lines of JSON. */
class Subject {
  #lines = []
  #waiting = []
  #errors = ''

  constructor(child) {
    this.child = child
    child.stdin.on('error', () => {})
    child.stderr.on('data', (data) => {
      this.#errors += data
    })
    createInterface({ input: child.stdout }).on('line', (text) => {
      const line = JSON.parse(text)
      const waiting = this.#waiting.shift()
      if (waiting === undefined) this.#lines.push(line)
      else waiting.resolve(line)
    })
    this.ended = new Promise((resolve) => child.on('close', resolve))
    this.ended.then((code) => {
      const error = new Error(`a subject ended (${code}): ${this.#errors.slice(0, 500)}`)
      for (const waiting of this.#waiting) waiting.reject(error)
    })
  }

  /** The next line that it prints. */
  next() {
    if (this.#lines.length > 0) return Promise.resolve(this.#lines.shift())
    const { promise, ...waiting } = withResolvers()
    this.#waiting.push(waiting)
    return promise
  }

  send(line) {
    this.child.stdin.write(`${JSON.stringify(line)}\n`)
  }

  ask(line) {
    this.send(line)
    return this.next()
  }

  async stop() {
    this.child.stdin.end()
    await this.ended
  }
}

function withResolvers() {
  const parts = {}
  parts.promise = new Promise((resolve, reject) => Object.assign(parts, { resolve, reject }))
  return parts
}

/** A record as dotdog stores it: fresh for two hours. */
export const recordOf = (key, value = TOKEN, now = Date.now()) =>
  `${JSON.stringify({ dotdog: 1, key, value, fetchedAt: now, expiresAt: now + 7_200_000, ahead: 300, generation: now, by: 'bench:1' })}\n`
