import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Makes a folder that is removed when the test ends. */
export function temporaryFolder(t: { teardown(remove: () => void): void }): string {
  const dir = mkdtempSync(join(tmpdir(), 'dotdog-test-'))
  t.teardown(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}
