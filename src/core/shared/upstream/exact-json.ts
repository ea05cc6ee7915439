/**
 * Reads JSON as upstreams write it. Two things go wrong with `JSON.parse` alone: a raw control
 * character in a string (WeChat's nicknames have them) makes the whole text invalid, and an integer
 * beyond 2^53 (WeChat's msgid) is rounded without a word. Both are mended before the text is parsed,
 * in one pass, and only where the text may have them.
 */

const QUOTE = 0x22
const BACKSLASH = 0x5c
const MINUS = 0x2d

/** Fewer digits are always a safe integer. */
const MIN_UNSAFE_DIGITS = 16

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters to find
const MAY_NEED_MENDING = /[\u0000-\u001f]|\d{16}/

const isDigit = (code: number): boolean => code >= 0x30 && code <= 0x39

/** The characters of a number: digits, sign, point and exponent. */
const isNumberPart = (code: number): boolean =>
  isDigit(code) || code === MINUS || code === 0x2b || code === 0x2e || code === 0x45 || code === 0x65

const isUnsafeInteger = (number: string): boolean =>
  number.length >= MIN_UNSAFE_DIGITS && /^-?[1-9]\d*$/.test(number) && !Number.isSafeInteger(Number(number))

/**
 * The text with its raw control characters escaped, and with integers that a number cannot hold as
 * strings. By search and not by a pattern, so that its time is linear whatever the text is.
 */
function mend(text: string): string {
  let mended = ''
  let copiedTo = 0
  const replace = (from: number, to: number, by: string) => {
    mended += text.slice(copiedTo, from) + by
    copiedTo = to
  }
  let inString = false
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) inString = !inString
    else if (inString) {
      if (code === BACKSLASH) at += 1
      else if (code < 0x20) replace(at, at + 1, `\\u${code.toString(16).padStart(4, '0')}`)
    } else if (code === MINUS || isDigit(code)) {
      let end = at + 1
      while (isNumberPart(text.charCodeAt(end))) end += 1
      const number = text.slice(at, end)
      if (isUnsafeInteger(number)) replace(at, end, `"${number}"`)
      at = end - 1
    }
  }
  return mended + text.slice(copiedTo)
}

/**
 * Parses JSON exactly: an integer beyond ±(2^53 − 1) becomes a string of its digits, and a raw
 * control character is part of its string.
 *
 * @throws SyntaxError for anything else that is no JSON.
 */
export const parseExactJson = (text: string): unknown => JSON.parse(MAY_NEED_MENDING.test(text) ? mend(text) : text)

/**
 * The JSON of a value, in which a bigint is an integer. `undefined` for what JSON cannot hold.
 *
 * @throws TypeError for a value that contains itself.
 */
export function stringifyExactJson(value: unknown): string | undefined {
  // A string that a value cannot contain by chance marks the integers in the text.
  const mark = `bigint:${Math.random()}:`
  let hasBigInt = false
  const text: string | undefined = JSON.stringify(value, (_name, member) => {
    if (typeof member !== 'bigint') return member
    hasBigInt = true
    return `${mark}${member}`
  })
  return hasBigInt ? text?.replaceAll(new RegExp(`"${mark}(-?\\d+)"`, 'g'), '$1') : text
}
