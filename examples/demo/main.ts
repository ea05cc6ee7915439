// Shows what dotdog is for: eight processes, one token, one ticket. Every figure is checked. If one
// is not as promised, the demo ends with a message and exit code 1.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createDog, type Dog } from 'dotdog'
import { type FakeWeChat, fakeWeChat } from 'dotdog/testing'
import { wechat } from 'dotdog/wechat'
import { color } from './colors.js'
import { colorSource, filesTable, statusTable } from './report.js'
import { table } from './table.js'
import { PAGE_URL, type ValueSource, type WorkerEnv } from './worker.js'
import { startWorkers, type Workers } from './workers.js'

const WORKER_COUNT = 8
/** The fake platform takes this time to answer, about as long as the real one. */
const RESPONSE_DELAY_MS = 150

const print = (text = ''): void => console.log(text)
const printTitle = (text: string): void => print(`\n${color(text, 'cyan', 'bold')}\n`)

function checkPromise(isKept: boolean, promise: string): void {
  if (!isKept) throw new Error(`Not as promised: ${promise}`)
}

const countFetched = (reports: readonly { sources: Record<string, ValueSource> }[], name: string): number =>
  reports.filter((report) => report.sources[name] === 'fetched').length

const timesInWords = (count: number): string => ['never', 'once', 'twice'][count] ?? `${count} times`

const fetchesInWords = (token: number, ticket: number): string =>
  `token fetched ${timesInWords(token)}, ticket fetched ${timesInWords(ticket)}`

function printCounts(fake: FakeWeChat): void {
  const { token, ticket, call, rejected } = fake.count
  const calls = call === 0 ? '' : `, ${call} business calls (${rejected} with the dead token)`
  print(`\n  ${color('The platform counted:', 'bold')} ${fetchesInWords(token, ticket)}${calls}.`)
}

async function showSigning(workers: Workers, fake: FakeWeChat | undefined): Promise<void> {
  printTitle(`${WORKER_COUNT} processes need a JS-SDK signature at once`)
  const reports = await workers.run('sign')
  const columns = [{ title: 'pid', right: true }, { title: 'token' }, { title: 'ticket' }, { title: 'ms', right: true }]
  const rows = reports.map(({ sources, ms, signature }, i) => {
    const short = color(`${signature.slice(0, 12)}…`, 'dim')
    return [String(workers.pids[i]), colorSource(sources.token!), colorSource(sources.ticket!), ms.toFixed(0), short]
  })
  print(table([...columns, { title: 'signature' }], rows))
  checkPromise(
    reports.every(({ signature }) => /^[0-9a-f]{40}$/.test(signature)),
    'every process has a signature.',
  )
  const [token, ticket] = [countFetched(reports, 'token'), countFetched(reports, 'ticket')]
  if (fake) {
    printCounts(fake)
    checkPromise(fake.count.token === 1, `the platform issues 1 token, but it counted ${fake.count.token} requests.`)
    checkPromise(fake.count.ticket === 1, `the platform issues 1 ticket, but it counted ${fake.count.ticket} requests.`)
    const isOne = token === 1 && ticket === 1
    checkPromise(isOne, `one process fetches each value, but ${token} fetched the token and ${ticket} the ticket.`)
  } else {
    // The values of an earlier run are used, and nothing is fetched.
    print(`\n  ${color('The processes counted:', 'bold')} ${fetchesInWords(token, ticket)}.`)
    const isOne = token <= 1 && ticket <= 1
    checkPromise(isOne, `at most one process fetches each value, but ${token} fetched the token and ${ticket} the ticket.`)
  }
}

async function showRecovery(workers: Workers, fake: FakeWeChat): Promise<void> {
  printTitle('The platform revokes the token long before its expiry, and all processes make a call')
  const before = { ...fake.count }
  fake.killToken()
  const reports = await workers.run('call')
  const columns = [{ title: 'pid', right: true }, { title: 'call' }, { title: 'new token' }, { title: 'ms', right: true }]
  const rows = reports.map(({ sources, ms }, i) => {
    const source = colorSource(sources.token!)
    return [String(workers.pids[i]), color('ok', 'green'), source, ms.toFixed(0)]
  })
  print(table(columns, rows))
  printCounts(fake)
  const [token, ticket] = [fake.count.token - before.token, fake.count.ticket - before.ticket]
  checkPromise(token === 1, `one fetch replaces the dead token for all processes, but the platform counted ${token}.`)
  checkPromise(ticket === 0, `the ticket stays valid without its token, but it was fetched ${timesInWords(ticket)}.`)
}

async function showFolder(dog: Dog): Promise<void> {
  // Only keys that were used: the card ticket is registered too.
  const keys = (await dog.status()).filter((key) => key.dir !== undefined && key.state !== 'missing')
  const dir = keys[0]?.dir
  checkPromise(dir !== undefined, 'status() says which folder holds the files.')
  printTitle(`The files in ${dir}`)
  print(filesTable(dir!))
  printTitle('status()')
  print(statusTable(keys, Date.now()))
  checkPromise(
    keys.every((key) => key.state === 'fresh'),
    'every key is fresh.',
  )
}

async function runScenes(env: WorkerEnv, fake: FakeWeChat | undefined): Promise<void> {
  const { WX_APPID: appId, WX_APPSECRET: appSecret, WX_BASE_URL: baseUrl, DEMO_DIR: dir } = env
  const dog = createDog({ dir })
  // Registers the keys for status(). It fetches nothing.
  wechat({ appId, appSecret, baseUrl, dog })
  const workers = await startWorkers(WORKER_COUNT, env)
  try {
    await showSigning(workers, fake)
    if (fake) await showRecovery(workers, fake)
    else print('\n  The demo does not revoke a token of the real platform: the recovery is left out.')
    await showFolder(dog)
    const codes = await workers.stop()
    checkPromise(
      codes.every((code) => code === 0),
      `every process ends by itself with code 0, but the codes are ${codes.join(', ')}.`,
    )
  } finally {
    workers.kill()
    await dog.close()
  }
}

async function runOnRealPlatform(appId: string, appSecret: string): Promise<void> {
  print(`  The real platform, account ${appId} (WX_APPID and WX_APPSECRET are set). The page: ${PAGE_URL}`)
  await runScenes({ WX_APPID: appId, WX_APPSECRET: appSecret, WX_BASE_URL: process.env.WX_BASE_URL }, undefined)
}

async function runOnFakePlatform(): Promise<void> {
  print(`  A fake platform in this process answers after ${RESPONSE_DELAY_MS} ms.`)
  print('  (Set WX_APPID and WX_APPSECRET to use the real one.)')
  print(`  The folder is new and empty. The page: ${PAGE_URL}`)
  const dir = mkdtempSync(join(tmpdir(), 'dotdog-'))
  const fake = await fakeWeChat({ delay: RESPONSE_DELAY_MS })
  try {
    const env = { WX_APPID: fake.appId, WX_APPSECRET: fake.appSecret, WX_BASE_URL: fake.url, DEMO_DIR: join(dir, '.dog') }
    await runScenes(env, fake)
  } finally {
    await fake.close()
    rmSync(dir, { recursive: true, force: true })
  }
}

export async function main(): Promise<void> {
  const { WX_APPID: appId, WX_APPSECRET: appSecret } = process.env
  print(color('\ndotdog: one secret, many processes', 'bold'))
  try {
    if (appId && appSecret) await runOnRealPlatform(appId, appSecret)
    else await runOnFakePlatform()
    print(`\n  ${color('All as promised.', 'green', 'bold')}\n`)
  } catch (error) {
    console.error(`\n  ${color((error as Error).message, 'red', 'bold')}\n`)
    process.exitCode = 1
  }
}
