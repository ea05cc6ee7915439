import t from 'tap'
import { createTicketWindow, type TicketRules } from '../../../../src/testing/model/ticket.js'

const SECOND_MS = 1000

function createWindow(rules: Partial<TicketRules> = {}) {
  let made = 0
  return createTicketWindow({ ticketTtl: 7200, ticketOverlap: 3600, mint: () => `J${++made}`, ...rules })
}

t.test('Every request gets the same ticket for a whole window, which begins with the first request', async (t) => {
  const window = createWindow()
  t.equal(window.remainingMs(0), 0)
  t.equal(window.ticketAt(500 * SECOND_MS), 'J1')
  t.equal(window.remainingMs(500 * SECOND_MS), 7200 * SECOND_MS)
  t.equal(window.ticketAt(7700 * SECOND_MS - 1), 'J1')
  t.equal(window.remainingMs(7700 * SECOND_MS - 1), 1)
  t.equal(window.ticketAt(7700 * SECOND_MS), 'J2')
})

t.test('The ticket of the last window is accepted for another hour, beside the new one', async (t) => {
  const window = createWindow()
  window.ticketAt(0)
  window.ticketAt(7200 * SECOND_MS)
  t.same([window.accepts('J1', 10_800 * SECOND_MS - 1), window.accepts('J2', 10_800 * SECOND_MS - 1)], [true, true])
  t.same([window.accepts('J1', 10_800 * SECOND_MS), window.accepts('J2', 10_800 * SECOND_MS)], [false, true])
  t.notOk(window.accepts('J3', 0))
})

t.test('A killed ticket is refused, and the next request gets another one', async (t) => {
  const window = createWindow()
  window.ticketAt(0)
  window.kill()
  t.notOk(window.accepts('J1', 1))
  t.equal(window.ticketAt(1), 'J2')
})
