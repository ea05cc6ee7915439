import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { temporaryFolder } from '../../support/temporary-folder.js'
import { run } from '../setup.js'

export const isRoot = process.getuid!() === 0
export const SECRET = 's3cret-value'

/** A folder with values, a template and the arguments that render it. */
export async function withValue(t: Test, template = 'token={{ key "K" }}\n') {
  const folder = temporaryFolder(t)
  const dir = join(folder, 'values')
  const put = async (input: string, ...args: string[]) => {
    const { code, err } = await run(t, ['set', 'K', '--dir', dir, ...args], { input })
    if (code !== 0) throw new Error(err)
  }
  await put(SECRET, '--expires-in', '600')
  const path = join(folder, 'template')
  writeFileSync(path, template)
  const out = join(folder, 'out')
  const args = (...more: string[]) => ['render', path, '--out', out, '--dir', dir, ...more]
  return { folder, dir, put, path, out, args, read: () => readFileSync(out, 'utf8') }
}

export const modeOf = (path: string): number => statSync(path).mode & 0o7777
