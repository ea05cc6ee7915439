import t from 'tap'
import { createIpConfirmation } from '../../../../src/testing/model/ip-confirmation.js'

const HOUR_MS = 3_600_000
const ip = '1.2.3.4'

t.test('A new address is refused until the administrator confirms it', async (t) => {
  const confirmation = createIpConfirmation(true)
  t.same([confirmation.check(ip, 0, true), confirmation.check(ip, 1, true)], [89503, 89503])
  t.same(confirmation.confirm(), [ip])
  t.equal(confirmation.check(ip, 2, true), 0)
  t.equal(confirmation.check('1.2.3.5', 2, true), 89503, 'another address is still refused')
})

t.test('A rejected address is blocked for an hour, and waits for the administrator again afterwards', async (t) => {
  const confirmation = createIpConfirmation(true)
  confirmation.check(ip, 0, true)
  t.same(confirmation.reject(0), [ip])
  t.same([confirmation.check(ip, 0, true), confirmation.check(ip, HOUR_MS - 1, true)], [89507, 89507])
  t.same(confirmation.confirm(), [], 'a blocked address does not wait')
  t.equal(confirmation.check(ip, HOUR_MS, true), 89503)
})

t.test('A second rejection within a day blocks the address for a day', async (t) => {
  const confirmation = createIpConfirmation(true)
  confirmation.check(ip, 0, true)
  confirmation.reject(0)
  confirmation.check(ip, 2 * HOUR_MS, true)
  confirmation.reject(2 * HOUR_MS)
  t.same([confirmation.check(ip, 2 * HOUR_MS, true), confirmation.check(ip, 26 * HOUR_MS - 1, true)], [89506, 89506])
  t.equal(confirmation.check(ip, 26 * HOUR_MS, true), 89503)
})

t.test('A rejection a day after the first one counts as a first one', async (t) => {
  const confirmation = createIpConfirmation(true)
  confirmation.reject(0, ip)
  confirmation.reject(24 * HOUR_MS, ip)
  t.equal(confirmation.check(ip, 24 * HOUR_MS, true), 89507)
})

t.test('Only an address with the right AppSecret waits, but any address can be confirmed by name', async (t) => {
  const confirmation = createIpConfirmation(true)
  t.equal(confirmation.check(ip, 0, false), 89503)
  t.same(confirmation.confirm(), [])
  t.same(confirmation.confirm(ip), [ip])
  t.equal(confirmation.check(ip, 0, false), 0)
})

t.test('A confirmation ends a block', async (t) => {
  const confirmation = createIpConfirmation(true)
  confirmation.reject(0, ip)
  confirmation.confirm(ip)
  t.equal(confirmation.check(ip, 1, true), 0)
})

t.test('Without risk control every address is served', async (t) => {
  t.equal(createIpConfirmation(false).check(ip, 0, true), 0)
})
