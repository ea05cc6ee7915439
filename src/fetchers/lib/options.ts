// The rules that the options of several providers share.
import { ANYTHING, ID, type Rule, type Rules, required } from '../../core/shared/validate.js'

/** A secret that may contain spaces, but not only spaces. */
export const SECRET: Rule = {
  test: (value: unknown) => typeof value === 'string' && value.trim() !== '',
  rule: 'must be a non-empty string',
  isSecret: true,
}

/** One word, or a list of words. */
export const WORDS: Rule = {
  test: (value: unknown) => {
    const list: unknown[] = Array.isArray(value) ? value : [value]
    return list.length > 0 && list.every((one) => typeof one === 'string' && one.trim() !== '')
  },
  rule: 'must be a non-empty string or a list of such strings',
}

/** Further parameters of a request. */
export const PARAMETERS: Rule = {
  test: (value: unknown) =>
    typeof value === 'object' && value !== null && Object.values(value).every((one) => typeof one === 'string'),
  rule: 'must be an object of strings',
}

export const POSITIVE_SECONDS: Rule = {
  test: (value: unknown) => typeof value === 'number' && value > 0,
  rule: 'must be a number of seconds, over 0',
}

/** An ID that may also be written as a number. */
export const ID_OR_NUMBER: Rule = {
  test: (value: unknown) => typeof value === 'number' || ID.test(value as never),
  rule: 'must be a number, or a non-empty string without spaces',
}

/**
 * The options of a provider that knows an account by an ID and a secret. `checkHttpUrl` checks the
 * baseUrl.
 */
export const accountRules = (id: string, secret: string, more: Rules = {}): Rules => ({
  [id]: required(ID),
  [secret]: required(SECRET),
  baseUrl: ANYTHING,
  ...more,
})

/** Joined by spaces, as OAuth 2 writes scopes. */
export const joinWords = (words: string | readonly string[] | undefined): string | undefined =>
  Array.isArray(words) ? words.join(' ') : (words as string | undefined)
