import { execFile } from 'node:child_process'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import type { Test } from 'tap'
import { temporary } from '../support/children.js'

/** The packed package, as users get it. */

export const root = resolve(import.meta.dirname, '../..')
export const tool = (name: string): string => join(root, 'node_modules/.bin', name)

const execute = promisify(execFile)

/** Runs a command to its end. Rejects, with what it printed, if it fails. */
export async function command(cwd: string, file: string, ...args: string[]): Promise<string> {
  try {
    const { stdout } = await execute(file, args, { cwd, maxBuffer: 16 * 1024 * 1024, shell: process.platform === 'win32' })
    return stdout
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string }
    throw new Error(`${file} ${args.join(' ')}\n${stdout}\n${stderr}`)
  }
}

/** Packs the package. Not its prepare script: `npm test` has built, and a build would take dist/ from under other tests. */
export async function pack(t: Test): Promise<{ dir: string; tarball: string; files: string[] }> {
  const dir = temporary((end) => t.teardown(end))
  const out = await command(root, 'npm', 'pack', '--ignore-scripts', '--json', '--pack-destination', dir)
  const [{ files }] = JSON.parse(out) as [{ files: { path: string }[] }]
  const name = readdirSync(dir).find((file) => file.endsWith('.tgz'))!
  return { dir, tarball: join(dir, name), files: files.map(({ path }) => path).sort() }
}

/** Packs, and installs the tarball in a folder of its own, which is returned. */
export async function install(t: Test): Promise<{ consumer: string; tarball: string }> {
  const { dir, tarball } = await pack(t)
  const consumer = join(dir, 'consumer')
  mkdirSync(consumer)
  writeFileSync(join(consumer, 'package.json'), '{"name":"consumer","version":"1.0.0","private":true,"type":"commonjs"}')
  await command(consumer, 'npm', 'install', '--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts', tarball)
  return { consumer, tarball }
}
