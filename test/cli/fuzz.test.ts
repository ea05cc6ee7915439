import { createRequire } from 'node:module'
import { join } from 'node:path'
import t from 'tap'
import { checkConfiguration } from '../../src/cli/configuration/file/load.js'
import { mutate } from './mutate-configuration.js'
import { configured, run } from './setup.js'

// `cleanMessage` asks for the package, as the built program does.
globalThis.require ??= createRequire(import.meta.url)

/** Texts that stand in the configuration by mistake, in each place where a secret is to be expected. */
const SECRETS = [
  'hunter2hunter2',
  's3cr3t-of-the-app',
  '0123456789abcdef0123456789abcdef',
  'PASSPHRASE0PASSPHRASE0',
  'sk_live_51Abc',
]
const TEXT = `{
  // The shop.
  "dir": "d",
  "encryptionKey": { "file": "key" },
  "keys": {
    "SHOP_ACCESS_TOKEN": { "wechat": { "appId": "wx0123456789abcdef", "appSecret": "${SECRETS[1]}" } },
    "API": {
      "oauth2": { "tokenUrl": "https://user:${SECRETS[0]}@h.example/t", "clientId": "c", "clientSecret": { "env": "S" } },
      "refreshAhead": 30, "quota": { "limit": 5, "window": 60 }
    },
    "GCP": { "command": ["print", "--password", "${SECRETS[3]}"], "expiresIn": 3300 },
    "V": { "http": { "url": "https://h.example/?key=${SECRETS[4]}", "headers": { "X-Token": { "key": "API" } }, "value": "/a", "expiresIn": "/b" } }
  },
  "store": "redis://:${SECRETS[0]}@h.example",
  "clients": [{ "name": "x", "tokenSha256": "${SECRETS[2]}", "keys": ["*"] }],
  "listen": { "port": 80, "hosts": ["a", "b"] },
}
`
const MUTATIONS = 1000

t.test('1,000 mutations of a configuration show no secret, no stack, and no line that does not exist', async (t) => {
  const { path, write } = configured(t, {})
  let refused = 0
  for (let seed = 1; seed <= MUTATIONS; seed++) {
    const { text, changedFrom } = mutate(TEXT, seed)
    write(text)
    const errors = await checkConfiguration(path).then(
      ({ problems }) => problems,
      (error: unknown) => {
        if ((error as { code?: unknown }).code !== 2) throw error
        return [(error as Error).message]
      },
    )
    if (errors.length > 0) refused++
    const lines = text.split(/\r\n|\r|\n/)
    for (const error of errors) {
      const place = /:(\d+):(\d+): /.exec(error.slice(path.length))
      const [line, column] = [Number(place?.[1]), Number(place?.[2])]
      const isThere = line >= 1 && line <= lines.length && column >= 1 && column <= lines[line - 1]!.length + 1
      const shown = SECRETS.find((secret) => error.includes(secret))
      if (!isThere || shown !== undefined || /\n|^\s+at /.test(error)) t.fail(`seed ${seed}: ${error}`)
      // What comes before the change is as it was, so that a parser cannot stumble over it.
      if (/is not JSON/.test(error) && line < changedFrom)
        t.fail(`seed ${seed}: line ${line} is right; the change is in ${changedFrom}`)
    }
  }
  t.ok(refused > MUTATIONS * 0.9, `${refused} were refused`)
})

t.test('The program says of a mutation what the check says, on standard error and with code 2', async (t) => {
  const { folder, path, write } = configured(t, {})
  for (let seed = 1; seed <= 20; seed++) {
    write(mutate(TEXT, seed * 31).text)
    for (const args of [['config', 'check'], ['status'], ['exec', '--', 'true']]) {
      const { code, out, err } = await run(t, args, { cwd: folder })
      t.ok([0, 1, 2].includes(code as number), `${code} ${err}`)
      if (code === 2) t.equal(out, '')
      t.notOk(
        SECRETS.some((secret) => (out + err).includes(secret)),
        join(path, String(seed)),
      )
      t.notMatch(err, /^\s+at /m)
    }
  }
})
