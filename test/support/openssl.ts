import { spawnSync } from 'node:child_process'

const isRequired = Boolean(process.env.CI || process.env.DOTDOG_REQUIRE_ENGINES)

/** Why a test that makes a certificate cannot run here; undefined where it can, or must. */
export const noOpenssl: string | undefined =
  spawnSync('openssl', ['version']).error !== undefined && !isRequired
    ? 'openssl is not installed: TLS is not tested here'
    : undefined
