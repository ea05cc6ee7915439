// The main job on a stage: eight processes, one token, one ticket. Every figure is checked; one that is not as promised is the
// message of an error, and exit code 1.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createDog, type Dog } from 'dotdog'
import { type FakeWeChat, fakeWeChat } from 'dotdog/testing'
import { wechat } from 'dotdog/wechat'
import { color } from './colors.js'
import { colorSource, filesTable, statusTable } from './report.js'
import { table } from './table.js'
import { PAGE, type ValueSource, type WorkerEnv } from './worker.js'
import { startWorkers, type Workers } from './workers.js'

const WORKER_COUNT = 8
/** Milliseconds that the fake platform takes for an answer, about what the real one takes. */
const RESPONSE_DELAY_MS = 150

const say = (text = ''): void => console.log(text)
const title = (text: string): void => say(`\n${color(text, 'cyan', 'bold')}\n`)

function expect(truth: boolean, promise: string): void {
  if (!truth) throw new Error(`Not as promised: ${promise}`)
}

const howMany = (reports: readonly { ways: Record<string, ValueSource> }[], name: string): number =>
  reports.filter((report) => report.ways[name] === 'fetched').length

const times = (count: number): string => ['never', 'once', 'twice'][count] ?? `${count} times`

function tell(fake: FakeWeChat): void {
  const { token, ticket, call, rejected } = fake.count
  const calls = call === 0 ? '' : `, ${call} business calls (${rejected} with the dead token)`
  say(`\n  ${color('The platform counted:', 'bold')} token fetched ${times(token)}, ticket fetched ${times(ticket)}${calls}.`)
}

async function sign(pack: Workers, fake: FakeWeChat | undefined): Promise<void> {
  title(`${WORKER_COUNT} processes need a JS-SDK signature at once`)
  const reports = await pack.run('sign')
  const columns = [{ title: 'pid', right: true }, { title: 'token' }, { title: 'ticket' }, { title: 'ms', right: true }]
  const rows = reports.map(({ ways, ms, signature }, i) => {
    const short = color(`${signature.slice(0, 12)}…`, 'dim')
    return [String(pack.pids[i]), colorSource(ways.token!), colorSource(ways.ticket!), ms.toFixed(0), short]
  })
  say(table([...columns, { title: 'signature' }], rows))
  expect(
    reports.every(({ signature }) => /^[0-9a-f]{40}$/.test(signature)),
    'every process has a signature.',
  )
  const [token, ticket] = [howMany(reports, 'token'), howMany(reports, 'ticket')]
  if (fake) {
    tell(fake)
    expect(fake.count.token === 1, `the platform was asked for 1 token, it counted ${fake.count.token}.`)
    expect(fake.count.ticket === 1, `the platform was asked for 1 ticket, it counted ${fake.count.ticket}.`)
    expect(token === 1 && ticket === 1, `one process fetched each, here ${token} and ${ticket} say so.`)
  } else {
    // Values of an earlier run are used, and nothing is fetched.
    say(`\n  ${color('The processes counted:', 'bold')} token fetched ${times(token)}, ticket fetched ${times(ticket)}.`)
    expect(token <= 1 && ticket <= 1, `at most one process fetched each, here ${token} and ${ticket} say so.`)
  }
}

async function recover(pack: Workers, fake: FakeWeChat): Promise<void> {
  title('The token dies upstream, long before its time; all of them make a call')
  const before = { ...fake.count }
  fake.killToken()
  const reports = await pack.run('call')
  const columns = [{ title: 'pid', right: true }, { title: 'call' }, { title: 'new token' }, { title: 'ms', right: true }]
  const rows = reports.map(({ ways, ms }, i) => [
    String(pack.pids[i]),
    color('ok', 'green'),
    colorSource(ways.token!),
    ms.toFixed(0),
  ])
  say(table(columns, rows))
  tell(fake)
  const [token, ticket] = [fake.count.token - before.token, fake.count.ticket - before.ticket]
  expect(token === 1, `one passive refresh serves everyone, the platform counted ${token}.`)
  expect(ticket === 0, `the ticket outlives its token, but it was fetched ${times(ticket)}.`)
}

async function look(dog: Dog): Promise<void> {
  // The keys that were asked for: a card ticket is registered too.
  const keys = (await dog.status()).filter((key) => key.dir !== undefined && key.state !== 'missing')
  const dir = keys[0]?.dir
  expect(dir !== undefined, 'status() tells the folder of the files.')
  title(`The files in ${dir}`)
  say(filesTable(dir!))
  title('status()')
  say(statusTable(keys, Date.now()))
  expect(
    keys.every((key) => key.state === 'fresh'),
    'every key is fresh.',
  )
}

async function play(env: WorkerEnv, fake: FakeWeChat | undefined): Promise<void> {
  const { WX_APPID: appId, WX_APPSECRET: appSecret, WX_BASE_URL: baseUrl, DEMO_DIR: dir } = env
  const dog = createDog({ dir })
  // Registers the keys, so that status() knows them. Fetches nothing.
  wechat({ appId, appSecret, baseUrl, dog })
  const pack = await startWorkers(WORKER_COUNT, env)
  try {
    await sign(pack, fake)
    if (fake) await recover(pack, fake)
    else say('\n  A token of the real platform is not killed for a show: the passive refresh is left out.')
    await look(dog)
    const codes = await pack.stop()
    expect(
      codes.every((code) => code === 0),
      `every process ends by itself with 0, here ${codes.join(', ')}.`,
    )
  } finally {
    pack.kill()
    await dog.close()
  }
}

async function withReal(appId: string, appSecret: string): Promise<void> {
  say(`  The real platform, account ${appId} (WX_APPID and WX_APPSECRET are set). The page: ${PAGE}`)
  await play({ WX_APPID: appId, WX_APPSECRET: appSecret, WX_BASE_URL: process.env.WX_BASE_URL }, undefined)
}

async function withFake(): Promise<void> {
  say(`  A fake platform in this process, ${RESPONSE_DELAY_MS} ms an answer (set WX_APPID and WX_APPSECRET for the real one).`)
  say(`  A folder that is new and empty. The page: ${PAGE}`)
  const dir = mkdtempSync(join(tmpdir(), 'dotdog-'))
  const fake = await fakeWeChat({ delay: RESPONSE_DELAY_MS })
  try {
    const env = { WX_APPID: fake.appId, WX_APPSECRET: fake.appSecret, WX_BASE_URL: fake.url, DEMO_DIR: join(dir, '.dog') }
    await play(env, fake)
  } finally {
    await fake.close()
    rmSync(dir, { recursive: true, force: true })
  }
}

export async function main(): Promise<void> {
  const { WX_APPID: appId, WX_APPSECRET: appSecret } = process.env
  say(color('\ndotdog: one secret, many processes', 'bold'))
  try {
    if (appId && appSecret) await withReal(appId, appSecret)
    else await withFake()
    say(`\n  ${color('All as promised.', 'green', 'bold')}\n`)
  } catch (error) {
    console.error(`\n  ${color((error as Error).message, 'red', 'bold')}\n`)
    process.exitCode = 1
  }
}
