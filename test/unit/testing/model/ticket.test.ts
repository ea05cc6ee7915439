import t from 'tap'
import { createTicketWindow, type TicketRules } from '../../../../src/testing/model/ticket.js'

const S = 1000

function tickets(rules: Partial<TicketRules> = {}) {
  let made = 0
  return createTicketWindow({ ticketTtl: 7200, ticketOverlap: 3600, mint: () => `J${++made}`, ...rules })
}

t.test('a ticket is the same for a whole window, which begins with the first question', async (t) => {
  const it = tickets()
  t.equal(it.remaining(0), 0)
  t.equal(it.at(500 * S), 'J1')
  t.equal(it.remaining(500 * S), 7200 * S)
  t.equal(it.at(7700 * S - 1), 'J1')
  t.equal(it.remaining(7700 * S - 1), 1)
  t.equal(it.at(7700 * S), 'J2')
})

t.test("the last window's ticket is good for another hour beside the new one", async (t) => {
  const it = tickets()
  it.at(0)
  it.at(7200 * S)
  t.same([it.accepts('J1', 10_800 * S - 1), it.accepts('J2', 10_800 * S - 1)], [true, true])
  t.same([it.accepts('J1', 10_800 * S), it.accepts('J2', 10_800 * S)], [false, true])
  t.notOk(it.accepts('J3', 0))
})

t.test('a killed ticket is good for nothing, and the next question gives another', async (t) => {
  const it = tickets()
  it.at(0)
  it.kill()
  t.notOk(it.accepts('J1', 1))
  t.equal(it.at(1), 'J2')
})
