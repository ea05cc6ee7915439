import { nearestName, typeName } from '../../../core/shared/validate.js'
import type { MemberPath } from './parse.js'
import type { SchemaNode, TypeName } from './schema-node.js'

/** A small validator that walks the schema. No message has a value of the configuration in it. */

export interface Problem {
  path: MemberPath
  /** The name is wrong, not the value. */
  isName: boolean
  message: string
}

const TYPE_RULES: Readonly<Record<TypeName, string>> = {
  string: 'must be a string',
  number: 'must be a number',
  integer: 'must be a whole number',
  boolean: 'must be true or false',
  object: 'must be an object',
  array: 'must be a list',
  null: 'must be null',
}

/** Everything that is wrong, in the order of the schema. */
export function validate(root: SchemaNode, value: unknown): Problem[] {
  return new Validator(root).check(root, value, [])
}

class Validator {
  readonly #root: SchemaNode
  /** The names that the schema itself has: they may stand in a message. Collected for the first one. */
  #names: Set<string> | undefined

  constructor(root: SchemaNode) {
    this.#root = root
  }

  #subjectOf(path: MemberPath): string {
    this.#names ??= namesOf(this.#root, new Set())
    return subjectOf(path, this.#names)
  }

  check(node: SchemaNode, value: unknown, path: MemberPath): Problem[] {
    const schema = this.#resolve(node)
    const problem = (rule: string): Problem[] => [
      { path, isName: false, message: `${this.#subjectOf(path)} ${schema.errorMessage ?? rule}; got ${kindOf(value)}` },
    ]
    const types = typesOf(schema)
    if (types.length > 0 && !types.some((type) => isOfType(value, type))) return problem(ruleOf(schema))
    if ('const' in schema && value !== schema.const) return problem(ruleOf(schema))
    if (schema.enum !== undefined && !schema.enum.includes(value)) return problem(ruleOf(schema))
    if (typeof value === 'string' && !isTextOf(schema, value)) return problem(ruleOf(schema))
    if (typeof value === 'number' && !isNumberOf(schema, value)) return problem(ruleOf(schema))
    const problems = this.#checkParts(schema, value, path, problem)
    const branches = schema.anyOf ?? schema.oneOf
    if (problems.length > 0 || branches === undefined) return problems
    const chosen = this.#checkBranches(branches, value, path, schema.oneOf !== undefined)
    return chosen === 'none' ? problem('has a wrong form') : chosen
  }

  #checkParts(schema: SchemaNode, value: unknown, path: MemberPath, problem: (rule: string) => Problem[]): Problem[] {
    if (Array.isArray(value)) return this.#checkList(schema, value, path, problem)
    if (typeof value !== 'object' || value === null) return []
    return this.#checkMembers(schema, value as Record<string, unknown>, path, problem)
  }

  #resolve(node: SchemaNode): SchemaNode {
    if (node.$ref === undefined) return node
    const target = this.#root.$defs?.[node.$ref.replace('#/$defs/', '')]
    if (target === undefined) throw new Error(`the schema has no ${node.$ref}`)
    return { ...this.#resolve(target), ...(node.errorMessage === undefined ? {} : { errorMessage: node.errorMessage }) }
  }

  /** The problems of the branch that was most likely meant; 'none' where none stands out. */
  #checkBranches(branches: readonly SchemaNode[], value: unknown, path: MemberPath, isExclusive: boolean): Problem[] | 'none' {
    const results = branches.map((branch) => this.check(branch, value, path))
    const fitting = results.filter((problems) => problems.length === 0).length
    if (fitting === 1 || (fitting > 1 && !isExclusive)) return []
    if (fitting > 1) return 'none'
    const typed = results.filter((_, index) => {
      const types = typesOf(this.#resolve(branches[index]!))
      return types.length === 0 || types.some((type) => isOfType(value, type))
    })
    if (typed.length === 1) return typed[0]!
    const depth = (problems: readonly Problem[]) => Math.max(...problems.map((one) => one.path.length - (one.isName ? 1 : 0)))
    const [best, second] = typed.sort((a, b) => depth(b) - depth(a))
    return best !== undefined && second !== undefined && depth(best) > depth(second) ? best : 'none'
  }

  #checkList(schema: SchemaNode, list: unknown[], path: MemberPath, problem: (rule: string) => Problem[]): Problem[] {
    if (list.length < (schema.minItems ?? 0)) return problem(`must have at least ${schema.minItems} entries`)
    if (list.length > (schema.maxItems ?? list.length)) return problem(`must have at most ${schema.maxItems} entries`)
    const { items } = schema
    return items === undefined ? [] : list.flatMap((entry, index) => this.check(items, entry, [...path, index]))
  }

  #checkMembers(
    schema: SchemaNode,
    object: Record<string, unknown>,
    path: MemberPath,
    problem: (rule: string) => Problem[],
  ): Problem[] {
    const { properties = {}, additionalProperties = true, required = [] } = schema
    const names = Object.keys(object).filter((name) => object[name] !== undefined)
    const problems = names.flatMap((name) => {
      const own = Object.hasOwn(properties, name) ? properties[name] : undefined
      const member = own ?? additionalProperties
      if (member === false) return [this.#unknownMember(path, name, Object.keys(properties))]
      return member === true ? [] : this.check(member, object[name], [...path, name])
    })
    for (const name of required) {
      if (names.includes(name)) continue
      const rule = properties[name] === undefined ? 'must be given' : ruleOf(this.#resolve(properties[name]))
      problems.push({ path, isName: false, message: `${this.#subjectOf([...path, name])} ${rule}; got undefined` })
    }
    if (problems.length > 0) return problems
    if (names.length < (schema.minProperties ?? 0)) return problem(countRule(schema))
    return names.length > (schema.maxProperties ?? names.length) ? problem(countRule(schema)) : []
  }

  #unknownMember(path: MemberPath, name: string, known: string[]): Problem {
    const nearest = nearestName(name, known)
    // A name that is near none may be a secret in the wrong place: its position is enough.
    const what = nearest === undefined ? 'unknown option' : `unknown option "${name}"`
    const hint = nearest === undefined ? `there are ${known.join(', ')}` : `did you mean "${nearest}"?`
    return { path: [...path, name], isName: true, message: `${what} of ${this.#subjectOf(path)}; ${hint}` }
  }
}

const countRule = ({ minProperties, maxProperties, properties = {} }: SchemaNode): string => {
  const count = minProperties === maxProperties ? `exactly ${minProperties}` : `${minProperties ?? 0} to ${maxProperties}`
  return `must have ${count} of ${Object.keys(properties).join(', ')}`
}

const typesOf = ({ type = [] }: SchemaNode): readonly TypeName[] => (typeof type === 'string' ? [type] : type)

function isOfType(value: unknown, type: TypeName): boolean {
  if (type === 'integer') return Number.isInteger(value)
  if (type === 'number') return typeof value === 'number' && Number.isFinite(value)
  return typeName(value) === type
}

const isTextOf = ({ minLength = 0, maxLength, pattern }: SchemaNode, text: string): boolean =>
  text.length >= minLength &&
  (maxLength === undefined || text.length <= maxLength) &&
  (pattern === undefined || new RegExp(pattern, 'u').test(text))

const isNumberOf = ({ minimum, maximum, exclusiveMinimum }: SchemaNode, number: number): boolean =>
  (minimum === undefined || number >= minimum) &&
  (maximum === undefined || number <= maximum) &&
  (exclusiveMinimum === undefined || number > exclusiveMinimum)

/** What a member must be, in words. */
function ruleOf(schema: SchemaNode): string {
  if (schema.errorMessage !== undefined) return schema.errorMessage
  if ('const' in schema) return `must be ${JSON.stringify(schema.const)}`
  if (schema.enum !== undefined) return `must be ${schema.enum.map((one) => JSON.stringify(one)).join(' or ')}`
  const types = typesOf(schema)
  const rule = types
    .map((type, index) => (index === 0 ? TYPE_RULES[type] : TYPE_RULES[type].slice('must be '.length)))
    .join(' or ')
  if (types.length !== 1) return rule === '' ? 'must be given' : rule
  if (types[0] === 'string' && schema.pattern !== undefined) return `${rule} of the right form`
  if (types[0] === 'string' && (schema.minLength ?? 0) > 0) return `${rule} that is not empty`
  if (schema.exclusiveMinimum !== undefined && schema.maximum !== undefined) {
    return `${rule} over ${schema.exclusiveMinimum}, at most ${schema.maximum}`
  }
  if (schema.exclusiveMinimum !== undefined) return `${rule} over ${schema.exclusiveMinimum}`
  if (schema.minimum !== undefined && schema.maximum !== undefined) return `${rule} from ${schema.minimum} to ${schema.maximum}`
  return schema.minimum === undefined ? rule : `${rule}, ${schema.minimum} or more`
}

const kindOf = (value: unknown): string => (value === '' ? 'an empty string' : typeName(value))

/** A name of a key as keys are called. */
const KEY_NAME = /^[A-Z][A-Z0-9]{0,15}(_[A-Z0-9]{1,15})*$/

/**
 * A member in words: `wechat[0].appId`. A name that neither the schema has nor looks like a key's
 * may be a secret in the wrong place, and is left out.
 */
function subjectOf(path: MemberPath, names: ReadonlySet<string>): string {
  if (path.length === 0) return 'the configuration'
  return path
    .map((name, depth) => {
      if (typeof name === 'number') return `[${name}]`
      const shown = names.has(name) || KEY_NAME.test(name) ? name : '(a name)'
      return depth === 0 ? shown : `.${shown}`
    })
    .join('')
}

/** The names of all members that the schema has anywhere. */
function namesOf(node: unknown, names: Set<string>): Set<string> {
  if (typeof node !== 'object' || node === null) return names
  const { properties } = node as SchemaNode
  for (const name of Object.keys(properties ?? {})) names.add(name)
  for (const part of Object.values(node)) namesOf(part, names)
  return names
}
