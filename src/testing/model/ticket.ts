/**
 * The tickets of one type of one account. Within a window every request gets the same ticket. It
 * knows nothing of tokens: a new token does not change a ticket.
 */

export interface TicketRules {
  /** Length of a window, in seconds. */
  ticketTtl: number
  /** Seconds for which a ticket is still accepted after its window. */
  ticketOverlap: number
  /** Returns a ticket that was never returned before. */
  mint: () => string
}

interface LiveTicket {
  ticket: string
  /** Epoch milliseconds. */
  windowEndsAt: number
}

export interface TicketWindow {
  /** The ticket of the window that contains `now`. Opens a window if there is none. */
  ticketAt(now: number): string
  /** Milliseconds that remain of the window; 0 if none is open. */
  remainingMs(now: number): number
  /** Whether a page signed with this ticket is accepted. */
  accepts(ticket: string, now: number): boolean
  /** All tickets die at once. The next request opens a new window. */
  kill(): void
}

export function createTicketWindow({ ticketTtl, ticketOverlap, mint }: TicketRules): TicketWindow {
  let liveTickets: LiveTicket[] = []
  const openWindow = (now: number) => liveTickets.find(({ windowEndsAt }) => now < windowEndsAt)
  return {
    ticketAt(now) {
      const current = openWindow(now)
      if (current) return current.ticket
      const next = { ticket: mint(), windowEndsAt: now + ticketTtl * 1000 }
      liveTickets = [next, ...liveTickets].slice(0, 2)
      return next.ticket
    },
    remainingMs: (now) => (openWindow(now)?.windowEndsAt ?? now) - now,
    accepts: (ticket, now) =>
      liveTickets.some((live) => live.ticket === ticket && now < live.windowEndsAt + ticketOverlap * 1000),
    kill() {
      liveTickets = []
    },
  }
}
