// What the demo prints of the folder and of status(). A value is never printed.
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { KeyStatus } from 'dotdog'
import { color } from './colors.js'
import { table } from './table.js'
import type { ValueSource } from './worker.js'

export function colorSource(source: ValueSource): string {
  if (source === 'fetched') return color(source, 'green', 'bold')
  return source === 'waited' ? color(source, 'yellow') : color(source, 'dim')
}

/** A duration in its two largest units: "1 h 59 min". */
export function formatDuration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000))
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  return minutes < 60 ? `${minutes} min ${seconds % 60} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}

export function filesTable(dir: string): string {
  const names = readdirSync(dir)
    .filter((name) => name.endsWith('.dog'))
    .sort()
  const columns = [{ title: 'file' }, { title: 'bytes', right: true }, { title: 'mode', right: true }]
  const rows = names.map((name) => {
    const { size, mode } = statSync(join(dir, name))
    return [name, String(size), `0${(mode & 0o777).toString(8)}`]
  })
  return table(columns, rows)
}

/** `now` is in epoch milliseconds. */
export function statusTable(keys: readonly KeyStatus[], now: number): string {
  const columns = [
    { title: 'key' },
    { title: 'state' },
    { title: 'expires in', right: true },
    { title: 'fetched ago', right: true },
    { title: 'by' },
    { title: 'fetches', right: true },
    { title: 'identity' },
  ]
  const rows = keys.map((key) => [
    key.key,
    key.state === 'fresh' ? color(key.state, 'green') : color(key.state, 'yellow'),
    key.expiresAt === undefined ? '–' : formatDuration(key.expiresAt - now),
    key.fetchedAt === undefined ? '–' : formatDuration(now - key.fetchedAt),
    key.by ?? '–',
    String(key.fetches),
    key.identity ?? '–',
  ])
  return table(columns, rows)
}
