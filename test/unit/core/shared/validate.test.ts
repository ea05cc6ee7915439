import t from 'tap'
import {
  BOOLEAN,
  checkOptions,
  FUNCTION,
  ID,
  nearestName,
  required,
  SECRET_ID,
  SECRET_TEXT,
  secondsUpTo,
  show,
  TEXT,
} from '../../../../src/core/shared/validate.js'

const RULES = {
  name: TEXT,
  id: ID,
  timeout: secondsUpTo(600),
  stable: BOOLEAN,
  onMessage: FUNCTION,
  appSecret: SECRET_ID,
  token: required(SECRET_TEXT),
}
const check = (options: unknown) => checkOptions('example', options, RULES)
const messageOf = (options: unknown): string => {
  try {
    check(options)
  } catch (error) {
    if (error instanceof TypeError) return error.message
  }
  return 'no TypeError'
}

t.test('options that keep their rules are returned as they are', async (t) => {
  const options = { name: 'n', id: 'x', timeout: 600, stable: false, onMessage: () => {}, appSecret: 's', token: 't' }
  t.equal(check(options), options)
  t.same(check({ token: 't', stable: undefined }), { token: 't', stable: undefined })
})

t.test('a broken rule is a TypeError with the option, the rule, the value and its type', async (t) => {
  t.equal(messageOf({ token: 't', stable: 'no' }), 'stable must be true or false; got "no" (string)')
  t.equal(messageOf({ token: 't', timeout: 601 }), 'timeout must be a number of seconds, at most 600; got 601 (number)')
  t.equal(messageOf({ token: 't', timeout: null }), 'timeout must be a number of seconds, at most 600; got null (null)')
  t.equal(messageOf({ token: 't', id: 'a b' }), 'id must be a non-empty string without spaces; got "a b" (string)')
})

t.test('a required option that is missing is named', async (t) => {
  t.equal(messageOf({}), 'token must be a string that is not empty; got undefined')
})

t.test('the value of a secret is never shown', async (t) => {
  t.equal(
    messageOf({ token: 't', appSecret: 'my secret value' }),
    'appSecret must be a non-empty string without spaces; got string',
  )
  t.equal(messageOf({ token: '' }), 'token must be a string that is not empty; got an empty string')
  t.equal(messageOf({ token: 't', onMessage: 'my secret value' }), 'onMessage must be a function; got string')
  t.notMatch(messageOf({ token: 't', name: 7, stable: 'Bearer abcdefgh12345678' }), /abcdefgh/)
})

t.test('a misspelt option is answered with the nearest name', async (t) => {
  t.equal(messageOf({ stabel: true }), 'unknown option "stabel" of example; did you mean "stable"?')
  t.equal(messageOf({ TimeOut: 1 }), 'unknown option "TimeOut" of example; did you mean "timeout"?')
  t.match(messageOf({ colour: 'red' }), /^unknown option "colour" of example; there are name, id, timeout/)
  t.match(messageOf(Object.fromEntries([['__proto__x', 1]])), /^unknown option "__proto__x"/)
})

t.test('options that are no object are refused', async (t) => {
  for (const options of [undefined, null, 'text', 7, []]) {
    t.match(messageOf(options), /^the options of example must be an object; got (undefined|null|string|number|array)$/)
  }
})

t.test('the nearest name is at most three edits and half the length away', async (t) => {
  t.equal(nearestName('agentID', ['agentId', 'corpId']), 'agentId')
  t.equal(nearestName('x', ['y']), undefined)
  t.equal(nearestName('encodingAesKey', ['encodingAESKey', 'appId']), 'encodingAESKey')
  t.equal(nearestName('a'.repeat(10_000), ['timeout']), undefined)
})

t.test('a shown string is redacted and cut', async (t) => {
  t.equal(show('https://host/path?secret=1'), '"https://host/path?***"')
  t.equal(show('x'.repeat(50)), `"${'x'.repeat(40)}…"`)
  t.equal(show([1]), 'an array')
  t.equal(
    show(() => {}),
    'a function',
  )
})
