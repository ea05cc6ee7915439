import t from 'tap'
import { hasErrcode, thrownAnswer } from '../../../../src/core/shared/upstream/thrown-answer.js'

const isDead = (error: unknown): boolean =>
  thrownAnswer(error)?.objects.some((object) => hasErrcode(object, [40001, 42001])) ?? false

const answer = { errcode: 42001, errmsg: 'access_token expired' }
const text = JSON.stringify(answer)

t.test('an errcode is found wherever an HTTP client puts the answer', async (t) => {
  const shapes: [string, object][] = [
    ['the answer itself', answer],
    ['a string', { errcode: '42001' }],
    ['axios', { response: { status: 200, data: answer } }],
    ['axios, as text', { response: { status: 200, data: text } }],
    ['axios, as bytes', { response: { status: 200, data: Buffer.from(text) } }],
    ['ofetch', { data: answer, response: { _data: answer } }],
    ['got', { response: { statusCode: 200, body: text } }],
    ['superagent', { status: 200, response: { body: answer } }],
    ['request-promise', { error: answer, statusCode: 200 }],
    ['node-webot', Object.assign(new Error('access_token expired'), { name: 'WeChatAPIError', code: 42001 })],
  ]
  for (const [name, shape] of shapes) t.ok(isDead(shape), name)
})

t.test("another program's code is no errcode", async (t) => {
  const others: unknown[] = [
    Object.assign(new Error('could not serialize access'), { code: '40001' }), // Postgres
    { errcode: 40002 },
    { errcode: '' },
    { errcode: '42001x' },
    { errcode: true },
    { message: text },
    { response: { data: `[${text}]` } },
    { response: { data: '{"errcode":42001' } },
    { data: `${' '.repeat(100_000)}${text}` },
    text,
    undefined,
    null,
    42001,
  ]
  for (const one of others) t.notOk(isDead(one), String(one))
})

t.test('a getter that throws is passed over', async (t) => {
  const hostile = { errcode: 42001 }
  for (const field of ['response', 'data', 'code', 'status']) {
    Object.defineProperty(hostile, field, {
      get: () => {
        throw new Error('no')
      },
    })
  }
  t.ok(isDead(hostile))
})
