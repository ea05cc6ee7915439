import { execFile } from 'node:child_process'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import type { Test } from 'tap'
import { temporary } from '../support/children.js'

/** Packs and installs the package, as users get it. */

export const root = resolve(import.meta.dirname, '../..')
export const tool = (name: string): string => join(root, 'node_modules/.bin', name)

const execute = promisify(execFile)

/** Runs a command and resolves with its output. If it fails, the error contains its output. */
export async function command(cwd: string, file: string, ...args: string[]): Promise<string> {
  try {
    const { stdout } = await execute(file, args, { cwd, maxBuffer: 16 * 1024 * 1024, shell: process.platform === 'win32' })
    return stdout
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string }
    throw new Error(`${file} ${args.join(' ')}\n${stdout}\n${stderr}`)
  }
}

/**
 * Packs the package without its prepare script. `npm test` has already built dist/, and another build
 * would delete the files that other tests are using.
 */
export async function pack(t: Test): Promise<{ dir: string; tarball: string; files: string[] }> {
  const dir = temporary((end) => t.teardown(end))
  const out = await command(root, 'npm', 'pack', '--ignore-scripts', '--json', '--pack-destination', dir)
  const [{ files }] = JSON.parse(out) as [{ files: { path: string }[] }]
  const name = readdirSync(dir).find((file) => file.endsWith('.tgz'))!
  return { dir, tarball: join(dir, name), files: files.map(({ path }) => path).sort() }
}

/** Packs the package, and installs the tarball in a new project. */
export async function install(t: Test): Promise<{ consumer: string; tarball: string }> {
  const { dir, tarball } = await pack(t)
  const consumer = join(dir, 'consumer')
  mkdirSync(consumer)
  writeFileSync(join(consumer, 'package.json'), '{"name":"consumer","version":"1.0.0","private":true,"type":"commonjs"}')
  await command(consumer, 'npm', 'install', '--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts', tarball)
  return { consumer, tarball }
}
