// A key that an HTTP request fetches. The request may contain other keys: the value is then fetched
// with theirs, and a key that the upstream says is dead is replaced, once, as `context.use` does.
import type { FetchContext, Fetcher, Result } from 'dotdog'
import { exchange, HttpFailure, type HttpResponse, nodeClient } from '../../core/shared/upstream/http.js'
import { describeNonObject, parseJsonObject, redactUpstreamText } from '../../core/shared/upstream/upstream-text.js'
import { checkMembers, OBJECT, type Rule, type Rules, required, TEXT } from '../../core/shared/validate.js'
import type { KeyEntry } from './entry.js'
import { POINTER, valueAt } from './json-pointer.js'
import type { SecretContext } from './secret.js'
import { checkTemplate, keysIn, Resolver, type TextTemplate } from './text-template.js'

interface HttpSource {
  url: TextTemplate
  method?: string
  headers?: Record<string, TextTemplate>
  body?: unknown
  value?: string
  expiresIn?: string | number
  expiresAt?: string
}

const LIFETIME: Rule = {
  test: (value: unknown) => (typeof value === 'number' ? value > 0 : POINTER.test(value as never)),
  rule: 'must be a JSON pointer, such as "/data/ttl", or a number of seconds',
  isSecret: true,
}
const ANY: Rule = { test: () => true, rule: '' }
const RULES: Rules = {
  url: required(ANY),
  method: {
    ...TEXT,
    test: (value: unknown) => typeof value === 'string' && /^[A-Z]{1,20}$/.test(value),
    rule: 'must be a method, such as "POST"',
    isSecret: true,
  },
  headers: OBJECT,
  body: ANY,
  value: POINTER,
  expiresIn: LIFETIME,
  expiresAt: POINTER,
}

const MAX_RESPONSE_BYTES = 1_000_000
/** A refusal that a person must mend is asked for again after this time. */
const REFUSED_RETRY_S = 60
const REFUSALS = [401, 403, 404, 429]

/** The keys that a request contains. */
export const dependenciesOf = (entry: KeyEntry): string[] => [...new Set(keysIn(entry.http))]

/** @throws TypeError for the first thing that is wrong. */
export function httpFetcher(path: string, entry: KeyEntry, secretContext: SecretContext): Fetcher<unknown> {
  const source = checkMembers<HttpSource>(`${path}.http`, entry.http, RULES)
  checkTemplate(`${path}.http.url`, source.url)
  for (const [name, template] of Object.entries(source.headers ?? {})) checkTemplate(`${path}.http.headers.${name}`, template)
  if (source.expiresIn === undefined && source.expiresAt === undefined && entry.expiresIn === undefined) {
    throw new TypeError(`${path}.http needs expiresIn: a JSON pointer into the answer, or a number of seconds`)
  }
  const dependencies = dependenciesOf(entry)

  return (context) => {
    const values = new Map<string, unknown>()
    const withKeys = async ([key, ...rest]: string[]): Promise<Result<unknown>> => {
      if (key === undefined)
        return await send(path, source, entry.expiresIn, new Resolver(values, secretContext, context), context)
      return await context.use(key, (value) => {
        values.set(key, value)
        return withKeys(rest)
      })
    }
    return withKeys(dependencies)
  }
}

async function send(
  path: string,
  source: HttpSource,
  defaultExpiresIn: number | undefined,
  resolver: Resolver,
  { signal }: FetchContext<unknown>,
): Promise<Result<unknown>> {
  const url = await resolver.text(`${path}.http.url`, source.url, encodeURIComponent)
  if (!/^https?:\/\//i.test(url) || !URL.canParse(url)) throw new Error(`${path}.http.url is not an http(s) URL`)
  const headers: Record<string, string> = {}
  for (const [name, template] of Object.entries(source.headers ?? {})) {
    headers[name.toLowerCase()] = await resolver.text(`${path}.http.headers.${name}`, template)
  }
  const body = await bodyOf(path, source.body, headers, resolver)
  const method = source.method ?? (body === undefined ? 'GET' : 'POST')
  const request = { method, url, headers, signal, ...(body === undefined ? {} : { body }) }
  let response: HttpResponse
  try {
    response = await exchange({ ...request, maxBytes: MAX_RESPONSE_BYTES }, nodeClient)
  } catch (error) {
    // A message of our own, without the URL.
    throw error instanceof HttpFailure ? noAnswer(path, error) : error
  }
  if (response.status < 200 || response.status > 299) throw refusal(path, response, resolver.secrets)
  return resultOf(path, response, source, defaultExpiresIn)
}

/** A text as it is. Data as a form if a header says so, else as JSON. */
async function bodyOf(
  path: string,
  body: unknown,
  headers: Record<string, string>,
  resolver: Resolver,
): Promise<string | undefined> {
  if (body === undefined) return undefined
  const data = await resolver.data(`${path}.http.body`, body)
  if (typeof data === 'string') return data
  if (headers['content-type']?.startsWith('application/x-www-form-urlencoded')) {
    return new URLSearchParams(
      Object.entries(data as object).map(([name, value]) => [name, String(value)] as [string, string]),
    ).toString()
  }
  headers['content-type'] ??= 'application/json'
  return JSON.stringify(data)
}

/** With the code of `dotdog/fetchers`, by which the program sees that nobody answered. */
function noAnswer(path: string, { kind, message }: HttpFailure): Error {
  const error = new Error(`${path}: ${message}`)
  const isUnreachable = kind === 'transport' || kind === 'timeout'
  return isUnreachable ? Object.assign(error, { code: `FETCHER_${kind.toUpperCase()}` }) : error
}

/** The error has the status and, not printed, the answer: by these a key knows that its value is dead. */
function refusal(path: string, { status, headers, text }: HttpResponse, secrets: readonly string[]): Error {
  const said = redactUpstreamText(text, secrets)
  const error = new Error(`${path}: HTTP status ${status}${said === '' ? '' : `: ${said}`}`)
  const given = Number(headers['retry-after'])
  const retryAfter = given > 0 ? given : REFUSALS.includes(status) ? REFUSED_RETRY_S : undefined
  Object.defineProperty(error, 'body', { value: parseJsonObject(text), enumerable: false })
  return Object.assign(error, { status, ...(retryAfter === undefined ? {} : { retryAfter }) })
}

function resultOf(
  path: string,
  { text }: HttpResponse,
  source: HttpSource,
  defaultExpiresIn: number | undefined,
): Result<unknown> {
  const document = parseJsonObject(text)
  const needsJson = [source.value, source.expiresIn, source.expiresAt].some((pointer) => typeof pointer === 'string')
  if (document === undefined && needsJson) throw new Error(`${path}: ${describeNonObject(text)}`)
  const value = source.value === undefined ? text.trim() : valueAt(document, source.value)
  if (value === undefined || value === null || value === '') {
    throw new Error(`${path}: the answer has no value${source.value === undefined ? '' : ` at ${source.value}`}`)
  }
  if (source.expiresAt !== undefined) {
    const expiresAt = valueAt(document, source.expiresAt)
    if (expiresAt !== undefined && expiresAt !== null) return { value, expiresAt: expiresAt as string }
  }
  const found = typeof source.expiresIn === 'string' ? valueAt(document, source.expiresIn) : source.expiresIn
  const expiresIn = (found ?? defaultExpiresIn) as number | undefined
  if (expiresIn === undefined) throw new Error(`${path}: the answer has no lifetime where the configuration says`)
  return { value, expiresIn }
}
