#!/usr/bin/env node
/** dotdog-fake-wechat: the fake platform as a program, for tests in other languages and for curl. */
import { parseArgs } from 'node:util'
import { fakeWeChat } from './fake-wechat.js'
import type { FakeWeChatOptions } from './options.js'
import { formatLogLine, startMessage, USAGE } from './usage.js'

const text = { type: 'string' } as const
const flag = { type: 'boolean' } as const

const parse = (args: string[]) =>
  parseArgs({
    args,
    options: {
      port: text,
      host: text,
      appid: text,
      secret: text,
      kind: text,
      mini: flag,
      risk: flag,
      whitelist: { type: 'string', multiple: true },
      'client-ip': text,
      ttl: text,
      overlap: text,
      flappy: flag,
      'ticket-remaining': flag,
      delay: text,
      log: flag,
      help: { type: 'boolean', short: 'h' },
    },
  }).values

type Values = ReturnType<typeof parse>

/** The number of an argument. NaN for any other text; the check of the options refuses it. */
const parseNumber = (argument: string | undefined): number | undefined =>
  argument === undefined ? undefined : argument.trim() === '' ? Number.NaN : Number(argument)

function optionsOf(values: Values, appSecret: string | undefined): FakeWeChatOptions {
  return {
    account: {
      appId: values.appid ?? process.env.FAKE_APPID,
      appSecret,
      kind: (values.mini ? 'mini' : values.kind) as 'official' | 'mini' | undefined,
      whitelist: values.whitelist?.flatMap((entries) => entries.split(',')),
      risk: values.risk,
    },
    port: parseNumber(values.port),
    host: values.host,
    clientIp: values['client-ip'],
    ttl: parseNumber(values.ttl),
    overlap: parseNumber(values.overlap),
    delay: parseNumber(values.delay),
    flappyOverlap: values.flappy,
    ticketRemaining: values['ticket-remaining'],
    control: true,
    onRequest: values.log ? (entry) => console.log(formatLogLine(entry)) : undefined,
  }
}

async function main(): Promise<void> {
  const values = parse(process.argv.slice(2))
  if (values.help) return console.log(USAGE)
  const appSecret = values.secret ?? (process.env.FAKE_APPSECRET || undefined)
  const fake = await fakeWeChat(optionsOf(values, appSecret))
  console.log(startMessage(fake, appSecret === undefined ? 'generated' : values.secret === undefined ? 'env' : 'argument'))
  // `once`: a second signal finds no listener and ends the process as usual.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => fake.close())
}

main().catch((error: Error & { code?: string }) => {
  const isMisuse = error instanceof TypeError
  console.error(isMisuse ? `${error.message}\nTry --help.` : error.message)
  process.exitCode = isMisuse ? 2 : 1
})
