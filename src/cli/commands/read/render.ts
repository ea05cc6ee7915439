// dotdog render: writes values into a file, for programs that read files.
import { constants } from 'node:os'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { openSession, type Session } from '../../configuration/session.js'
import { type Notification, notifyProcess, signalOf } from '../../files/notify-process.js'
import { oneAtATime } from '../../files/one-at-a-time.js'
import { RenderedFile } from '../../files/rendered-file.js'
import { gidOf, modeOf } from '../../files/rights.js'
import { SESSION_OPTIONS } from '../../lib/arguments.js'
import { ExitError } from '../../lib/exit-error.js'
import { ChildCommand } from './child-command.js'

const DEFAULT_MODE = '0600'
const OWNER_READS = 0o400
/** A file that could not be written is tried again; a change that nobody announced is found. */
const RECHECK_INTERVAL_MS = 10_000
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

const OPTIONS = {
  ...SESSION_OPTIONS,
  out: { type: 'string' },
  mode: { type: 'string' },
  group: { type: 'string' },
  signal: { type: 'string' },
  'pid-file': { type: 'string' },
  watch: { type: 'boolean', short: 'w' },
} as const

export async function render(args: string[]): Promise<void> {
  const { values, template, path, command } = parse(args)
  const mode = modeOf('--mode', values.mode ?? DEFAULT_MODE)
  if ((mode & OWNER_READS) === 0) throw new ExitError(2, '--mode must let the owner read the file')
  const gid = values.group === undefined ? undefined : gidOf('--group', values.group)
  const notification = notificationOf(values.signal, values['pid-file'])
  const file = new RenderedFile({ template, path, mode, gid })
  // Before anything is fetched.
  file.check()
  const session = await openSession(values, { autoRefresh: values.watch === true })
  const tell = async (): Promise<number> => {
    if (notification !== undefined) sendSignal(notification)
    return command.length === 0 ? 0 : new ChildCommand(command[0]!, command.slice(1)).run(process.env)
  }
  if (values.watch) return watch(session, file, template, tell)
  process.exitCode = (await file.update(session.dog)) ? await tell() : 0
  await session.dog.close()
}

function parse(args: string[]) {
  const split = args.indexOf('--')
  const { values, positionals } = parseArgs({
    args: split < 0 ? args : args.slice(0, split),
    allowPositionals: true,
    options: OPTIONS,
  })
  const [template] = positionals
  if (template === undefined || positionals.length > 1) throw new ExitError(2, 'dotdog render takes one template')
  if (values.out === undefined) throw new ExitError(2, 'dotdog render needs --out and the file to write')
  const command = split < 0 ? [] : args.slice(split + 1)
  if (split >= 0 && command.length === 0) throw new ExitError(2, 'dotdog render has -- without a command')
  return { values, template: resolve(template), path: resolve(values.out), command }
}

function notificationOf(signal: string | undefined, pidFile: string | undefined): Notification | undefined {
  if ((signal === undefined) !== (pidFile === undefined)) throw new ExitError(2, '--signal and --pid-file go together')
  return signal === undefined ? undefined : { signal: signalOf('--signal', signal), pidFile: resolve(pidFile!) }
}

function sendSignal(notification: Notification): void {
  if (!notifyProcess(notification)) console.error(`dotdog: no process of ${notification.pidFile} runs: none was signalled`)
}

/** Keeps the file until a signal ends the program. The first failure ends it as well; later ones are reported. */
async function watch(
  { dog, configuration }: Session,
  file: RenderedFile,
  template: string,
  tell: () => Promise<number>,
): Promise<void> {
  const { FileWatch } = await import('../../lib/watch-file.js')
  let reported = ''
  const report = (message: string) => {
    if (message !== reported) console.error(`dotdog: ${message}`)
    reported = message
  }
  let isEnding = false
  const update = async () => {
    if (isEnding || !(await file.update(dog))) return
    reported = ''
    const code = await tell()
    if (code !== 0) report(`the command ended with ${code}`)
  }
  const check = oneAtATime(() => update().catch((error: unknown) => report(ExitError.of(error).message)))
  const { path } = configuration
  const files = new FileWatch((changed) => {
    if (path !== undefined && changed.includes(path)) console.error('dotdog: the configuration: a change takes a restart')
    check()
  })
  files.set(path === undefined ? [template] : [template, path])
  const ended = endingSignal()
  await Promise.race([update(), ended])
  dog.on('change', () => check())
  check()
  await files.start()
  const recheck = setInterval(check, RECHECK_INTERVAL_MS)
  const signal = await ended
  isEnding = true
  clearInterval(recheck)
  await files.close()
  // A command or a fetch under way is finished.
  await check()
  await dog.close()
  process.removeAllListeners(signal)
  // By the signal itself, so that a shell and systemd see what ended the program.
  process.kill(process.pid, signal)
}

/** The first signal that ends the program. A second one ends it at once. */
const endingSignal = (): Promise<NodeJS.Signals> =>
  new Promise((resolve) => {
    let isEnding = false
    for (const signal of SIGNALS) {
      // The listener stays: the one of proper-lockfile ends the process where it is the only one.
      process.on(signal, () => {
        if (isEnding) process.exit(128 + constants.signals[signal])
        isEnding = true
        resolve(signal)
      })
    }
  })
