import t from 'tap'
import { createRisk } from '../../../../src/testing/model/ip-confirmation.js'

const H = 3_600_000
const ip = '1.2.3.4'

t.test('a new address waits until the administrator confirms it, and is known from then on', async (t) => {
  const risk = createRisk(true)
  t.same([risk.check(ip, 0, true), risk.check(ip, 1, true)], [89503, 89503])
  t.same(risk.confirm(), [ip])
  t.equal(risk.check(ip, 2, true), 0)
  t.equal(risk.check('1.2.3.5', 2, true), 89503, 'another one is not')
})

t.test('a refused address is blocked for an hour, and asks again after it', async (t) => {
  const risk = createRisk(true)
  risk.check(ip, 0, true)
  t.same(risk.reject(0), [ip])
  t.same([risk.check(ip, 0, true), risk.check(ip, H - 1, true)], [89507, 89507])
  t.same(risk.confirm(), [], 'nobody is asked while it is blocked')
  t.equal(risk.check(ip, H, true), 89503)
})

t.test('a second refusal within a day blocks for a day', async (t) => {
  const risk = createRisk(true)
  risk.check(ip, 0, true)
  risk.reject(0)
  risk.check(ip, 2 * H, true)
  risk.reject(2 * H)
  t.same([risk.check(ip, 2 * H, true), risk.check(ip, 26 * H - 1, true)], [89506, 89506])
  t.equal(risk.check(ip, 26 * H, true), 89503)
})

t.test('a refusal a day later is a first one again', async (t) => {
  const risk = createRisk(true)
  risk.reject(0, ip)
  risk.reject(24 * H, ip)
  t.equal(risk.check(ip, 24 * H, true), 89507)
})

t.test('the administrator hears only of who has the right secret, but can speak of any address', async (t) => {
  const risk = createRisk(true)
  t.equal(risk.check(ip, 0, false), 89503)
  t.same(risk.confirm(), [])
  t.same(risk.confirm(ip), [ip])
  t.equal(risk.check(ip, 0, false), 0)
})

t.test('a confirmation ends a block', async (t) => {
  const risk = createRisk(true)
  risk.reject(0, ip)
  risk.confirm(ip)
  t.equal(risk.check(ip, 1, true), 0)
})

t.test('without risk control every address is known', async (t) => {
  t.equal(createRisk(false).check(ip, 0, true), 0)
})
