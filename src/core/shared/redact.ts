/**
 * Keeps secrets out of everything that is printed. An error that was caught from outside is never
 * passed on. Only a copy of its name, code, message and stack leaves the process: in the copy, URLs
 * are cut and known secrets are masked.
 */

/** Each secret in every form in which a text may repeat it. The oldest comes first. */
const secretForms = new Set<string>()
const MAX_SECRET_FORMS = 30_000
/** A shorter value is not masked: it would turn ordinary words into masks. */
const MIN_SECRET_CHARS = 6
const MASK = '***'

/**
 * Values registered since the last redaction. They are indexed when a text is redacted, so that a
 * process which prints nothing does not compute the forms of each value.
 */
let pendingValues: unknown[] = []
const MAX_PENDING_VALUES = 100

/** Remembers all strings in a value, so that no message repeats them. */
export function registerSecret(value: unknown): void {
  if (pendingValues.push(value) >= MAX_PENDING_VALUES) indexPendingValues()
}

const formsOf = (secret: string): string[] => [
  secret,
  encodeURIComponent(secret.toWellFormed()),
  JSON.stringify(secret).slice(1, -1),
]

function indexPendingValues(): void {
  for (const value of pendingValues) indexStrings(value)
  pendingValues = []
}

function indexStrings(value: unknown): void {
  if (typeof value === 'string') {
    if (value.length < MIN_SECRET_CHARS) return
    for (const form of formsOf(value)) {
      secretForms.delete(form)
      secretForms.add(form)
    }
    for (const oldest of secretForms) {
      if (secretForms.size <= MAX_SECRET_FORMS) break
      secretForms.delete(oldest)
    }
  } else if (typeof value === 'object' && value !== null) {
    for (const part of Object.values(value)) indexStrings(part)
  }
}

/** The forms in which an upstream may echo a secret that a request carried. */
const echoesOf = (secret: string): string[] => [...formsOf(secret), Buffer.from(secret).toString('base64')]

/**
 * Masks the registered secrets in a text, and everything that looks like a credential.
 *
 * @param secrets further secrets that this text may contain, however short they are
 */
export function redact(text: string, secrets: readonly string[] = []): string {
  indexPendingValues()
  let redacted = text
  for (const secret of secrets) {
    if (secret !== '') for (const form of echoesOf(secret)) redacted = redacted.replaceAll(form, MASK)
  }
  for (const form of secretForms) if (redacted.includes(form)) redacted = redacted.replaceAll(form, MASK)
  return (
    redacted
      // URLs lose userinfo, query and fragment.
      .replace(/\b([a-z][a-z0-9+.-]*:\/\/)[^\s/?#"'<>@]*@/gi, `$1${MASK}@`)
      .replace(/\b([a-z][a-z0-9+.-]*:\/\/[^\s?#"'<>)]*)[?#][^\s"'<>)]*/gi, `$1?${MASK}`)
      // A path with a query, a form, a header or a JSON body may contain a credential.
      .replace(/(\/[\w./%-]*)\?[\w.%[\]-]+=[^\s"'<>)]*/g, `$1?${MASK}`)
      .replace(/\b([\w-]*(?:secret|token|ticket|password|passwd|api_?key)=)[^\s"'&,;}]+/gi, `$1${MASK}`)
      .replace(/(\b[\w-]*(?:secret|token|ticket|password|passwd|api_?key)\\*["']?\s*:\s*\\*["'])[^"'\\]+/gi, `$1${MASK}`)
      .replace(/\b(Bearer|Basic)\s+[\w.~+/=-]{6,}/g, `$1 ${MASK}`)
  )
}

const SECRET_NAME = /(?:secret|token|ticket|password|passwd|api_?key)$/i

/**
 * Redacts every text and every name in a JSON value.
 *
 * @param name the name of the member that has this value: one called `password` is masked whatever it is
 */
export function redactJson(value: unknown, name = ''): unknown {
  if (typeof value === 'string') return SECRET_NAME.test(name) ? MASK : redact(value)
  if (Array.isArray(value)) return value.map((part) => redactJson(part, name))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([member, part]) => [redact(member), redactJson(part, member)]))
}

/** A longer message is cut. A ledger holds it, and each process that meets the failure shows it. */
export const MAX_MESSAGE_CHARS = 1024
/** A cut may go back this far for the end of a word. */
const MAX_WORD_CHARS = 80

/** Cuts a text at the end of a word, with an ellipsis. */
export function cutText(text: string, maxChars = MAX_MESSAGE_CHARS): string {
  if (text.length <= maxChars) return text
  const start = text.slice(0, maxChars - 1)
  const end = text.slice(0, maxChars).search(/\s\S*$/)
  // A cut must not leave half of a character.
  return `${(end < maxChars - MAX_WORD_CHARS ? start : start.slice(0, end)).replace(/[\uD800-\uDBFF]$/, '')}…`
}

/** The message of any thrown value, redacted and cut, so that it can be stored and shown. */
export function messageOf(error: unknown): string {
  let text: string
  try {
    text = String(isErrorLike(error) ? error.message : typeof error === 'string' ? error : `a thrown ${typeof error}`)
  } catch {
    text = 'an error that cannot be read'
  }
  return cutText(redact(text))
}

/**
 * Whether something thrown is an error, also one of another realm: Jest and `vm` run programs with an
 * `Error` of their own. A plain object with a `message` is none, because it may be the response.
 */
function isErrorLike(thrown: unknown): thrown is Error {
  if (thrown instanceof Error) return true
  const { name, message, stack } = Object(thrown) as Partial<Error>
  return typeof name === 'string' && typeof message === 'string' && typeof stack === 'string'
}

/**
 * Copies an error without its secrets. The caught error itself must not be kept as a `cause`,
 * because `inspect` prints even a cause that is not enumerable.
 */
export function sanitize(error: unknown): Error {
  const message = messageOf(error)
  const copy = new Error(message)
  const { name, code, stack, message: original } = fieldsOf(error)
  if (typeof name === 'string') define(copy, 'name', redact(name))
  if (typeof code === 'string' || typeof code === 'number') {
    Object.assign(copy, { code: typeof code === 'string' ? redact(code) : code })
  }
  // The head of a stack repeats the message, so only its frames are copied.
  const head = typeof original === 'string' && typeof stack === 'string' ? stack.indexOf(original) : -1
  const frames = typeof stack === 'string' ? stack.slice(head < 0 ? 0 : head + (original as string).length) : ''
  const firstFrame = frames.search(/^\s+at /m)
  const trace = firstFrame < 0 ? '' : `\n${redact(frames.slice(firstFrame)).replace(/^\n/, '')}`
  define(copy, 'stack', `${copy.name}: ${message}${trace}`)
  return copy
}

/** Reads the fields of anything that was thrown. A getter of it may throw in turn. */
function fieldsOf(error: unknown): Record<'name' | 'code' | 'stack' | 'message', unknown> {
  try {
    const { name, code, stack, message } = Object(error)
    return { name, code, stack, message }
  } catch {
    return { name: undefined, code: undefined, stack: undefined, message: undefined }
  }
}

const define = (error: Error, name: 'name' | 'stack', value: string) =>
  Object.defineProperty(error, name, { value, configurable: true, writable: true, enumerable: false })
