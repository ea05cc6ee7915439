// Runs a snippet of the documentation in a process of its own, against the built package.
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Test } from 'tap'
import { temporary } from '../support/children.js'
import type { Snippet } from './markdown.js'
import { root } from './source.js'

const execute = promisify(execFile)
const TIMEOUT_MS = 60_000

/** What a snippet takes for granted, by the name after `with` in its comment: a file of `snippets/`. */
export const preambleOf = (mode: string): string | undefined => {
  const name = /^with ([a-z]+)$/.exec(mode)?.[1]
  const file = name === undefined ? undefined : join(root, 'test/architecture/snippets', `${name}.cjs`)
  return file !== undefined && existsSync(file) ? file : undefined
}

/**
 * A folder for scripts, in which `dotdog` is the package of this clone. It lies outside the clone: the
 * link to the clone would make a circle for every test that walks through its files.
 */
export function scriptFolder(t: Test): string {
  const folder = temporary((end) => t.teardown(end))
  mkdirSync(join(folder, 'node_modules'))
  symlinkSync(root, join(folder, 'node_modules/dotdog'), 'junction')
  return folder
}

/** The snippet inside an async function, after its preamble: a user's file would have top-level await, or a function. */
const scriptOf = ({ code }: Snippet, preamble: string): string => `
require(${JSON.stringify(preamble)})(require).then(async ({ names = {}, load = require, end } = {}) => {
  Object.assign(globalThis, names)
  await (async (require) => {
${code}
  })(load)
  await end?.()
}).catch((error) => {
  console.error(error)
  process.exit(1)
})
`

export interface Ended {
  code: number
  out: string
  err: string
}

/** Starts a script and waits for its end. `dir`: the folder of its `.dog` files. */
export async function runScript(script: string, dir: string): Promise<Ended> {
  const env = { PATH: process.env.PATH, HOME: process.env.HOME, DOTDOG_DIR: join(dir, '.dog'), SNIPPET_DIR: dir }
  try {
    const { stdout, stderr } = await execute(process.execPath, [script], { env, timeout: TIMEOUT_MS })
    return { code: 0, out: stdout, err: stderr }
  } catch (error) {
    const { code, stdout, stderr } = error as { code?: number; stdout: string; stderr: string }
    return { code: code ?? 1, out: stdout, err: `${stderr}${error}` }
  }
}

export async function runSnippet(t: Test, snippet: Snippet, preamble: string): Promise<Ended> {
  const script = join(scriptFolder(t), 'snippet.cjs')
  writeFileSync(script, scriptOf(snippet, preamble))
  return await runScript(
    script,
    temporary((end) => t.teardown(end)),
  )
}

/** Runs a snippet as it stands, as a file, several times at once. */
export async function runTogether(t: Test, snippet: Snippet, count: number): Promise<Ended[]> {
  const script = join(scriptFolder(t), 'snippet.cjs')
  writeFileSync(script, snippet.code)
  const dir = temporary((end) => t.teardown(end))
  return await Promise.all(Array.from({ length: count }, () => runScript(script, dir)))
}

/** Checks the syntax only. */
export async function checkSyntax(t: Test, { code }: Snippet): Promise<void> {
  const script = join(scriptFolder(t), 'snippet.cjs')
  writeFileSync(script, `async function snippet() {\n${code}\n}\n`)
  await execute(process.execPath, ['--check', script])
}
