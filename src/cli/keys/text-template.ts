// Texts of an HTTP request that contain other keys and secrets: `"Bearer "` and `{ "key": "API" }`.
import type { FetchContext } from 'dotdog'
import { checkMembers, OBJECT, type Rules, required, SECRET_TEXT } from '../../core/shared/validate.js'
import { POINTER, valueAt } from './json-pointer.js'
import { checkSecret, isSecretReference, resolveSecret, type SecretContext, type SecretReference } from './secret.js'

/** Another key's value. `field`: where the text is in a value that is an object. */
export interface KeyReference {
  key: string
  field?: string
}

/** A text, a reference, or a list of these, which is joined. */
export type TextTemplate = string | KeyReference | SecretReference | readonly TextTemplate[]

const KEY_REFERENCE_RULES: Rules = { key: required(SECRET_TEXT), field: POINTER }

/** Whether a value has the shape of a reference to a key. */
const isKeyReference = (value: unknown): value is KeyReference =>
  OBJECT.test(value as never) &&
  Object.keys(value as object).every((name) => Object.hasOwn(KEY_REFERENCE_RULES, name)) &&
  Object.hasOwn(value as object, 'key')

/** Whether a value is a reference and not data. */
export const isReference = (value: unknown): value is KeyReference | SecretReference =>
  isKeyReference(value) || isSecretReference(value)

/** @throws TypeError that shows nothing of the value. */
export function checkTemplate(path: string, template: unknown): asserts template is TextTemplate {
  if (typeof template === 'string') return
  if (Array.isArray(template)) {
    template.forEach((part, index) => {
      checkTemplate(`${path}[${index}]`, part)
    })
  } else if (isKeyReference(template)) checkMembers(path, template, KEY_REFERENCE_RULES)
  else if (isSecretReference(template)) checkSecret(path, template)
  else throw new TypeError(`${path} must be a string, {"key": "KEY"}, a secret, or a list of these`)
}

/** The keys that a template, or data that contains templates, depends on. */
export function keysIn(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return []
  return isKeyReference(value) ? [value.key] : Object.values(value).flatMap(keysIn)
}

/** The values of the keys and secrets that one request contains. */
export class Resolver {
  /** What must not be repeated in a message. */
  readonly secrets: string[] = []

  constructor(
    private readonly values: ReadonlyMap<string, unknown>,
    private readonly secretContext: SecretContext,
    private readonly context: FetchContext<unknown>,
  ) {}

  /** The text of a template. `encode` is applied to what is not written in the template itself. */
  async text(path: string, template: TextTemplate, encode = (part: string) => part): Promise<string> {
    if (typeof template === 'string') return template
    if (Array.isArray(template)) {
      const parts = template.map((part, index) => this.text(`${path}[${index}]`, part, encode))
      return (await Promise.all(parts)).join('')
    }
    const reference = template as KeyReference | SecretReference
    const text = isKeyReference(reference)
      ? this.#valueOf(path, reference)
      : await resolveSecret(path, reference, this.secretContext, this.context.signal)
    this.secrets.push(text)
    return encode(text)
  }

  /** Data with each reference in it replaced by its text. */
  async data(path: string, value: unknown): Promise<unknown> {
    if (typeof value !== 'object' || value === null) return value
    if (isReference(value)) return await this.text(path, value)
    const parts = Object.entries(value).map(async ([name, part]) => [name, await this.data(`${path}.${name}`, part)] as const)
    const resolved = await Promise.all(parts)
    return Array.isArray(value) ? resolved.map(([, part]) => part) : Object.fromEntries(resolved)
  }

  #valueOf(path: string, { key, field }: KeyReference): string {
    const value = this.values.get(key)
    const text = field === undefined ? value : valueAt(value, field)
    if (typeof text === 'string' || typeof text === 'number') return String(text)
    throw new Error(
      `${path}: ${field === undefined ? `the value of ${key} is no text: name a field` : `${key} has no text there`}`,
    )
  }
}
