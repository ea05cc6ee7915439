// The forms of `--as` in the hands of the programs that read them: git, curl, the AWS CLI and kubectl.
import { execFile, spawnSync } from 'node:child_process'
import { chmodSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type RequestListener } from 'node:http'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type Credential, formatCredential } from '../../../src/cli/credentials/index.js'
import { type Certificate, makeCertificate } from '../../support/certificate.js'
import { noOpenssl } from '../../support/openssl.js'
import { temporaryFolder } from '../../support/temporary-folder.js'

const TOKEN = "a-token_with~odd+chars/and'quotes=="
const { PATH = '' } = process.env
const make = (form: string, more: Partial<Credential> = {}) =>
  formatCredential(form, { key: 'API', value: TOKEN, expiresAt: Date.now() + 3_600_000, env: {}, ...more })

/** Why a test cannot run: its program is not there. */
const missing = (program: string, ...args: string[]): string | false =>
  spawnSync(program, args, { env: { PATH, HOME: '/nonexistent' } }).status === 0 ? false : `there is no ${program}`

interface Ran {
  code: number
  out: string
  err: string
}

function run(program: string, args: string[], env: NodeJS.ProcessEnv, input = ''): Promise<Ran> {
  return new Promise((resolve) => {
    const child = execFile(program, args, { env: { PATH, ...env }, timeout: 60_000 }, (error, out, err) =>
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), out, err }),
    )
    // A program may end without reading it.
    child.stdin!.on('error', () => {})
    child.stdin!.end(input)
  })
}

async function listen(
  t: Test,
  answer: (request: IncomingMessage) => object,
  tls?: Certificate,
): Promise<{ url: string; seen: IncomingMessage[] }> {
  const seen: IncomingMessage[] = []
  const listener: RequestListener = (request, response) => {
    seen.push(request)
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify(answer(request)))
  }
  const server = tls === undefined ? createServer(listener) : https.createServer(tls, listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${(server.address() as AddressInfo).port}`, seen }
}

/** A program that prints a text, whatever its arguments are. */
function printer(folder: string, text: string): string {
  const path = join(folder, 'printer')
  writeFileSync(`${path}.txt`, text)
  writeFileSync(path, `#!/bin/sh\ncat >/dev/null </dev/stdin 2>/dev/null\ncat '${path}.txt'\n`)
  chmodSync(path, 0o700)
  return path
}

t.test('curl sends the header, and the password of the netrc', { skip: missing('curl', '--version') }, async (t) => {
  const { url, seen } = await listen(t, () => ({}))
  const folder = temporaryFolder(t)
  const header = await run('curl', ['-sS', '-H', '@-', url], {}, make('header'))
  t.same([header.code, header.err], [0, ''])
  t.equal(seen[0]!.headers.authorization, `Bearer ${TOKEN}`)
  for (const value of [TOKEN, 'with space "quote" and \\backslash #']) {
    const file = join(folder, 'netrc')
    writeFileSync(file, make('netrc', { host: '127.0.0.1', user: 'me', value }), { mode: 0o600 })
    await run('curl', ['-sS', '--netrc-file', file, url], {})
    t.equal(seen.at(-1)!.headers.authorization, `Basic ${Buffer.from(`me:${value}`).toString('base64')}`)
  }
  await run('curl', ['-sS', '--netrc-file', join(folder, 'netrc'), url.replace('127.0.0.1', 'localhost')], {})
  t.equal(seen.at(-1)!.headers.authorization, undefined, 'another host does not get it')
})

t.test('a shell takes the variable as it is', async (t) => {
  for (const value of [TOKEN, '$HOME `id` "x" \\ *', 'plain']) {
    const { out } = await run('sh', ['-c', `${make('env', { value })}printf %s "$API"`], {})
    t.equal(out, value)
  }
})

t.test('git fills in the credential of a helper', { skip: missing('git', '--version') }, async (t) => {
  const folder = temporaryFolder(t)
  const request = 'protocol=https\nhost=git.example.com\nusername=me\n'
  const helper = printer(folder, make('git', { request }))
  const args = ['-c', 'credential.helper=', '-c', `credential.helper=${helper}`, 'credential', 'fill']
  const env = { HOME: folder, GIT_TERMINAL_PROMPT: '0', GIT_CONFIG_NOSYSTEM: '1' }
  const { out, code, err } = await run('git', args, env, `${request}\n`)
  t.equal(code, 0, err)
  t.match(out, /^username=me$/m)
  t.ok(out.split('\n').includes(`password=${TOKEN}`), out.length.toString())
  const none = printer(folder, make('git', { request: 'protocol=http\nhost=git.example.com\n' }))
  const refused = await run(
    'git',
    [...args.slice(0, 3), `credential.helper=${none}`, 'credential', 'fill'],
    env,
    `${request}\n`,
  )
  t.not(refused.code, 0, 'an empty answer is no credential')
})

t.test('the AWS CLI takes the credential of a process', { skip: missing('aws', '--version') }, async (t) => {
  const folder = temporaryFolder(t)
  const value = { AccessKeyId: 'AKIDEXAMPLE', SecretAccessKey: 'S3cret', SessionToken: 'the-session-token' }
  writeFileSync(
    join(folder, 'config'),
    `[default]\nregion = us-east-1\ncredential_process = ${printer(folder, make('aws', { value }))}\n`,
  )
  const { url, seen } = await listen(t, () => ({}))
  const env = {
    HOME: process.env.HOME,
    AWS_CONFIG_FILE: join(folder, 'config'),
    AWS_SHARED_CREDENTIALS_FILE: join(folder, 'none'),
  }
  const args = ['--endpoint-url', url, '--no-cli-pager', 'dynamodb', 'list-tables']
  const { err } = await run(
    'aws',
    args.filter((one) => one !== '--no-cli-pager'),
    env,
  )
  t.equal(seen.length > 0, true, err.slice(0, 300))
  t.match(seen[0]?.headers.authorization, /Credential=AKIDEXAMPLE\//)
  t.equal(seen[0]?.headers['x-amz-security-token'], 'the-session-token')
})

t.test(
  'kubectl sends the token of an ExecCredential',
  { skip: noOpenssl ?? missing('kubectl', 'version', '--client') },
  async (t) => {
    // It sends no token in the clear.
    const tls = makeCertificate(temporaryFolder(t), 'kubernetes')
    const { url, seen } = await listen(t, () => ({ ok: true }), tls)
    for (const version of ['v1', 'v1beta1']) {
      const folder = temporaryFolder(t)
      const apiVersion = `client.authentication.k8s.io/${version}`
      const env = { KUBERNETES_EXEC_INFO: JSON.stringify({ apiVersion, kind: 'ExecCredential', spec: { interactive: false } }) }
      const exec = { apiVersion, command: printer(folder, make('k8s', { env })), args: [], interactiveMode: 'Never' }
      const config = {
        apiVersion: 'v1',
        kind: 'Config',
        clusters: [{ name: 'c', cluster: { server: url, 'insecure-skip-tls-verify': true } }],
        users: [{ name: 'u', user: { exec } }],
        contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
        'current-context': 'x',
      }
      writeFileSync(join(folder, 'kubeconfig'), JSON.stringify(config))
      const { code, err } = await run('kubectl', ['--kubeconfig', join(folder, 'kubeconfig'), 'get', '--raw', '/x'], {
        HOME: folder,
      })
      t.equal(code, 0, err.slice(0, 300))
      t.equal(seen.at(-1)?.headers.authorization, `Bearer ${TOKEN}`, version)
    }
  },
)
