#!/usr/bin/env node
// dotdog-fake-wechat: the fake platform as a program, for tests in other languages and for a look at it with curl.
import { parseArgs } from 'node:util'
import { fakeWeChat } from './fake-wechat.js'
import type { FakeWeChatOptions } from './options.js'
import { greeting, logLine, USAGE } from './usage.js'

const text = { type: 'string' } as const
const flag = { type: 'boolean' } as const

const parse = (args: string[]) =>
  parseArgs({
    args,
    options: {
      ...{ port: text, host: text, appid: text, secret: text, kind: text, mini: flag, risk: flag },
      ...{ whitelist: { type: 'string', multiple: true }, 'client-ip': text },
      ...{ ttl: text, overlap: text, flappy: flag, 'ticket-remaining': flag, delay: text },
      ...{ log: flag, help: { type: 'boolean', short: 'h' } },
    },
  }).values

type Values = ReturnType<typeof parse>

/** A number as it was typed; what is none is told by the option's check. */
const numberOf = (typed: string | undefined): number | undefined =>
  typed === undefined ? undefined : typed.trim() === '' ? Number.NaN : Number(typed)

function optionsOf(values: Values, appSecret: string | undefined): FakeWeChatOptions {
  const appId = values.appid ?? process.env.FAKE_APPID
  const kind = (values.mini ? 'mini' : values.kind) as 'official' | 'mini' | undefined
  const whitelist = values.whitelist?.flatMap((entries) => entries.split(','))
  return {
    account: { appId, appSecret, kind, whitelist, risk: values.risk },
    ...{ port: numberOf(values.port), host: values.host, clientIp: values['client-ip'] },
    ...{ ttl: numberOf(values.ttl), overlap: numberOf(values.overlap), delay: numberOf(values.delay) },
    ...{ flappyOverlap: values.flappy, ticketRemaining: values['ticket-remaining'], control: true },
    onRequest: values.log ? (entry) => console.log(logLine(entry)) : undefined,
  }
}

async function main(): Promise<void> {
  const values = parse(process.argv.slice(2))
  if (values.help) return console.log(USAGE)
  const appSecret = values.secret ?? (process.env.FAKE_APPSECRET || undefined)
  const fake = await fakeWeChat(optionsOf(values, appSecret))
  console.log(greeting(fake, appSecret === undefined ? 'generated' : values.secret === undefined ? 'env' : 'argument'))
  // The second signal finds no listener, and ends the process as it would any other.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => fake.close())
}

main().catch((error: Error & { code?: string }) => {
  const misuse = error instanceof TypeError
  console.error(misuse ? `${error.message}\nTry --help.` : error.message)
  process.exitCode = misuse ? 2 : 1
})
