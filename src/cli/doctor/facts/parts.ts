import type { Step } from './facts.js'

/** The parts of gathering that can hang each for itself, with their steps in order. */
export const PARTS = {
  files: ['launch', 'configuration', 'folder', 'watching', 'others'],
  keys: ['keys'],
  network: ['clocks', 'accounts'],
} as const satisfies Record<string, readonly Step[]>

export type Part = keyof typeof PARTS

export const isPart = (name: string): name is Part => Object.hasOwn(PARTS, name)

/** After this time a part is given up. */
export const PART_TIMEOUT_MS = 10_000

/** The pipe through which a part reports: standard output belongs to what a configuration runs. */
export const REPORT_FD = 3

/** One line of a part's report. */
export type Report = { step: Step; facts: unknown } | { step: Step; error: string }
