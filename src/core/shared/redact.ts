/**
 * Keeps secrets out of everything that is printed. Nothing caught from outside is passed on: what leaves is a copy of its
 * name, code, message and stack, with URLs cut and known values masked.
 */

const known = new Set<string>()
const KNOWN_LIMIT = 30_000
const MASK = '***'

/** Learned since something was redacted: a process that prints nothing need not know a value in all its forms. */
let latest: unknown[] = []
const LATEST_LIMIT = 100

/** Remembers the strings in a value, so that no message repeats them. */
export function learn(value: unknown): void {
  if (latest.push(value) >= LATEST_LIMIT) learnLatest()
}

function learnLatest(): void {
  for (const value of latest) remember(value)
  latest = []
}

function remember(value: unknown): void {
  if (typeof value === 'string') {
    // Shorter ones would turn ordinary words into masks.
    if (value.length < 6) return
    for (const form of [value, encodeURIComponent(value.toWellFormed()), JSON.stringify(value).slice(1, -1)]) {
      known.delete(form)
      known.add(form)
    }
    for (const oldest of known) {
      if (known.size <= KNOWN_LIMIT) break
      known.delete(oldest)
    }
  } else if (typeof value === 'object' && value !== null) {
    for (const part of Object.values(value)) remember(part)
  }
}

export function redact(text: string): string {
  learnLatest()
  let out = text
  for (const value of known) if (out.includes(value)) out = out.replaceAll(value, MASK)
  return (
    out
      // URLs lose userinfo, query and fragment.
      .replace(/\b([a-z][a-z0-9+.-]*:\/\/)[^\s/?#"'<>@]*@/gi, `$1${MASK}@`)
      .replace(/\b([a-z][a-z0-9+.-]*:\/\/[^\s?#"'<>)]*)[?#][^\s"'<>)]*/gi, `$1?${MASK}`)
      // What a path with a query, a form, a header or a JSON body would give away.
      .replace(/(\/[\w./%-]*)\?[\w.%[\]-]+=[^\s"'<>)]*/g, `$1?${MASK}`)
      .replace(/\b([\w-]*(?:secret|token|ticket|password|passwd|api_?key)=)[^\s"'&,;}]+/gi, `$1${MASK}`)
      .replace(/(\b[\w-]*(?:secret|token|ticket|password|passwd|api_?key)\\*["']?\s*:\s*\\*["'])[^"'\\]+/gi, `$1${MASK}`)
      .replace(/\b(Bearer|Basic)\s+[\w.~+/=-]{6,}/g, `$1 ${MASK}`)
  )
}

const MESSAGE_LIMIT = 200

/** The message of anything thrown, fit to be stored and shown. */
export function messageOf(error: unknown): string {
  let text: string
  try {
    text = String(error instanceof Error ? error.message : typeof error === 'string' ? error : `a thrown ${typeof error}`)
  } catch {
    text = 'an error that cannot be read'
  }
  const clean = redact(text)
  return clean.length > MESSAGE_LIMIT ? `${clean.slice(0, MESSAGE_LIMIT - 1)}…` : clean
}

/** A copy without secrets. `inspect` prints even a non-enumerable cause, so the caught object itself must not be kept. */
export function sanitize(error: unknown): Error {
  const message = messageOf(error)
  const copy = new Error(message)
  const { name, code, stack, message: original } = fieldsOf(error)
  if (typeof name === 'string') define(copy, 'name', redact(name))
  if (typeof code === 'string' || typeof code === 'number') {
    Object.assign(copy, { code: typeof code === 'string' ? redact(code) : code })
  }
  // The stack repeats the message; only its frames are kept.
  const head = typeof original === 'string' && typeof stack === 'string' ? stack.indexOf(original) : -1
  const frames = typeof stack === 'string' ? stack.slice(head < 0 ? 0 : head + (original as string).length) : ''
  const at = frames.search(/^\s+at /m)
  define(copy, 'stack', `${copy.name}: ${message}${at < 0 ? '' : `\n${redact(frames.slice(at)).replace(/^\n/, '')}`}`)
  return copy
}

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
