// Checks what the user gave. A message has the option's name, the rule, the value and its type; a secret's value never.

/** A value as a message may show it. */
function show(value: unknown): string {
  if (typeof value === 'string') return `${JSON.stringify(value.slice(0, 100))} (string)`
  if (typeof value === 'number') return `${value} (number)`
  if (value === null) return 'null'
  return value === undefined ? 'undefined' : `a value of type ${typeof value}`
}

/** @throws TypeError unless it is an object. */
export function checkObject<T extends object>(family: string, options: T): T {
  if (typeof options !== 'object' || options === null) throw new TypeError(`${family} wants an object; got ${show(options)}`)
  return options
}

/** A name of an account. Upstreams tell `123` from `"123"`, so that a number is refused here. */
export function checkId(name: string, value: unknown): string {
  if (typeof value === 'string' && /^\S+$/.test(value)) return value
  throw new TypeError(`${name} must be a non-empty string without spaces; got ${show(value)}`)
}

export function checkSecret(name: string, value: unknown): string {
  if (typeof value === 'string' && value.trim() !== '') return value
  const got = typeof value === 'string' ? 'an empty one' : `a value of type ${typeof value}`
  throw new TypeError(`${name} must be a non-empty string; got ${got}`)
}

export function checkOneOf<T>(name: string, value: unknown, allowed: readonly T[]): T {
  if (allowed.includes(value as T)) return value as T
  throw new TypeError(`${name} must be ${allowed.map((one) => JSON.stringify(one)).join(' or ')}; got ${show(value)}`)
}

/** One text, or a list of them: joined by spaces, as OAuth 2 writes scopes. */
export function checkWords(name: string, value: unknown): string | undefined {
  if (value === undefined) return undefined
  const list: unknown[] = Array.isArray(value) ? value : [value]
  const isGood = list.length > 0 && list.every((one) => typeof one === 'string' && one.trim() !== '')
  if (!isGood) throw new TypeError(`${name} must be a non-empty string or a list of such; got ${show(value)}`)
  return list.join(' ')
}

/** @param query whether it may have one: a token endpoint of OAuth 2 may. */
export function checkUrl(name: string, value: unknown, query = false): string {
  const rule = `${name} must be an http(s) URL without user${query ? '' : ', query'} and fragment`
  if (typeof value !== 'string' || !URL.canParse(value)) {
    // Not shown if it may be a URL after all, with a password in it.
    throw new TypeError(`${rule}; got ${typeof value === 'string' ? 'a string that is none' : show(value)}`)
  }
  const url = new URL(value)
  const bare = url.username === '' && url.password === '' && (query || url.search === '') && url.hash === ''
  if (!bare || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new TypeError(`${rule}; got ${JSON.stringify(`${url.protocol}//${url.host}${url.pathname}`)}, maybe with more`)
  }
  return query ? url.href : `${url.origin}${url.pathname}`.replace(/\/+$/, '')
}
