import { spawnSync } from 'node:child_process'

/** Why units cannot be checked here; undefined where they can. Not every machine with tests has systemd. */
export const noSystemd: string | undefined =
  spawnSync('systemd-analyze', ['--version']).error === undefined
    ? undefined
    : 'systemd-analyze is not installed: the units are not checked here'
