// No value, no app secret and no encryption key is in anything that is printed or named, whatever
// goes wrong.
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { start } from '../../support/children.js'
import { temporaryFolder } from '../../support/temporary-folder.js'

/** Each mark has characters that every encoding writes differently, where its kind allows them. */
const MARKS = {
  VALUE: 'MARKEDvalue/+="quoted"\\&1234567890',
  APP_SECRET: 'MARKEDsecret0123456789abcdef',
  ENCRYPTION_KEY: 'decade0fc0ffee1234567890abcdef00decade0fc0ffee1234567890abcdef11',
}

/** Every encoding of a mark, and its first letters, as a part of it is a leak, too. */
function forms(mark: string): string[] {
  const bytes = [Buffer.from(mark), ...(/^[0-9a-f]{64}$/.test(mark) ? [Buffer.from(mark, 'hex')] : [])]
  const encoded = bytes.flatMap((each) => [each.toString('base64'), each.toString('base64url'), each.toString('hex')])
  // Only the first letters, as the others may have been replaced, for example in file names.
  const texts = [mark, encodeURIComponent(mark), encodeURI(mark), JSON.stringify(mark).slice(1, -1), /^\w{1,12}/.exec(mark)![0]]
  // Inspected bytes look like <Buffer de ca …>.
  const listed = bytes.map((each) => each.toString('hex').slice(0, 32).replace(/../g, '$& ').trim())
  return [...new Set([...encoded.map((text) => text.replace(/=+$/, '')), ...texts, ...listed])]
}

const ALL = Object.entries(MARKS).flatMap(([name, mark]) => forms(mark).map((form) => ({ name, form })))

/** The marks in a text, each with the text around it. */
function leaks(text: string): string[] {
  const found = ALL.filter(({ form }) => text.toLowerCase().includes(form.toLowerCase()))
  return found.map(({ name, form }) => {
    const at = text.toLowerCase().indexOf(form.toLowerCase())
    const title = text.lastIndexOf('\n== ', at)
    return `${name} in "${text.slice(title + 1, title + 60).split('\n')[0]}": ${text.slice(Math.max(0, at - 80), at + 60)}`
  })
}

const contract = ['index.d.ts', 'events.d.ts']
  .map((file) => readFileSync(join(import.meta.dirname, '../../..', file), 'utf8'))
  .join('\n')
const CODES = /type DogErrorCode =([^/]*)/.exec(contract)![1]!.match(/ERR_DOG_\w+/g)!
const EVENTS = [.../interface DogEvents \{(.*?)\n\}/s.exec(contract)![1]!.matchAll(/^ {2}(\w+):/gm)].map(([, name]) => name!)

t.test('The error codes and event names are read from the contract', (t) => {
  t.ok(CODES.includes('ERR_DOG_NO_FETCHER') && CODES.includes('ERR_DOG_CLOSED') && CODES.length >= 12, CODES.join())
  t.ok(EVENTS.includes('change') && EVENTS.includes('warning') && EVENTS.length >= 5, EVENTS.join())
  t.end()
})

t.test('The search finds a mark in every form', (t) => {
  for (const { form } of ALL) t.ok(leaks(`…${form}…`).length > 0, form)
  t.strictSame(leaks('nothing here'), [])
  t.end()
})

const REPORT = ['--report-uncaught-exception', '--report-on-fatalerror']
/** Only newer versions of Node have this option. */
const WITHOUT_ENVIRONMENT = '--report-exclude-env'
if (process.allowedNodeEnvironmentFlags.has(WITHOUT_ENVIRONMENT)) REPORT.push(WITHOUT_ENVIRONMENT)

/** The diagnostic reports in a folder, without the environment. */
function reportsIn(dir: string): string[] {
  return readdirSync(dir).map((name) => {
    const { environmentVariables, ...report } = JSON.parse(readFileSync(join(dir, name), 'utf8'))
    for (const worker of report.workers ?? []) delete worker.environmentVariables
    return JSON.stringify(report)
  })
}

for (const end of ['quiet', 'rejection', 'uncaught']) {
  t.test(`A process that meets every error prints no secret (end: ${end})`, async (t) => {
    const dir = temporaryFolder(t)
    const reports = temporaryFolder(t)
    const NODE_OPTIONS = [...REPORT, `--report-directory=${reports}`].join(' ')
    const child = start(join(import.meta.dirname, 'fixtures/paths.cjs'), { ...MARKS, DIR: dir, END: end, NODE_OPTIONS })
    const { code, out, err } = await child.exited
    t.equal(
      code,
      end === 'quiet' ? 0 : 1,
      out
        .split('\n')
        .filter((line) => /did not fail|the fixture itself/.test(line))
        .join('\n'),
    )
    t.match(out, /^printed \d{3}/m, 'the fixture ran to its end')
    t.ok(err.includes('dotdog: ['), 'debug prints lines')
    if (end !== 'quiet') t.match(err, /ERR_DOG_FETCH/)
    if (end === 'quiet') {
      for (const driven of CODES) t.ok(out.includes(`drove ${driven}\n`), `${driven} is driven`)
      for (const event of EVENTS) t.ok(out.includes(`== ${event}\n`), `${event} is driven`)
      t.match(out, /^== in mid-fetch, \.lock.UNDERWAY.\d/m)
    }
    t.strictSame(leaks(out), [], 'standard output')
    t.strictSame(leaks(err), [], 'standard error')

    // Most of these paths exist only for a moment: a lock in preparation, a held lock, and a ledger
    // before it is renamed.
    for (const path of [/^path .*\.lock\/~/m, /^path .*\.lock\/F1\/\d+\./m, /^path .*\.state\/F1\.json\../m]) t.match(out, path)

    const written = reportsIn(reports)
    t.equal(written.length, end === 'quiet' ? 0 : 1, 'a report of the uncaught error')
    for (const report of written) {
      t.match(report, 'ERR_DOG_FETCH')
      t.strictSame(leaks(report), [], 'report')
    }

    const names = readdirSync(dir, { recursive: true, encoding: 'utf8' }) as string[]
    t.strictSame(leaks(names.join('\n')), [], 'names')
    for (const name of names) {
      const path = join(dir, name)
      const found = statSync(path, { throwIfNoEntry: false })
      // A plain record holds the value by design, and so does the saved copy of a damaged one.
      const mayHold = /\.(dog|damaged)$/.test(name) && !name.startsWith('sealed')
      if (found?.isFile() && !mayHold) t.strictSame(leaks(readFileSync(path, 'latin1')), [], name)
    }
    t.ok(names.some((name) => /\.state.F1\.json$/.test(name)))
    t.ok(names.some((name) => /^sealed.K\.dog$/.test(name)) || names.some((name) => name.startsWith('sealed')))
  })
}
