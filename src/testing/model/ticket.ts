// The tickets of one type and account: one for a whole window, whoever asks and however often. It deliberately knows nothing of
// tokens: a new token changes no ticket.

export interface TicketRules {
  /** Seconds of a window. */
  ticketTtl: number
  /** Seconds a ticket goes on being good after its window. */
  ticketOverlap: number
  /** Makes a ticket that was never made before. */
  mint: () => string
}

interface Live {
  ticket: string
  /** The end of its window, epoch milliseconds. */
  end: number
}

export interface TicketWindow {
  /** The ticket of the window that `now` falls in. Asking again gives the same one. */
  at(now: number): string
  /** Milliseconds left of the window; 0 if none is open. */
  remaining(now: number): number
  /** Whether a page that was signed with it is accepted. */
  accepts(ticket: string, now: number): boolean
  /** All tickets die at once; the next question begins a window. */
  kill(): void
}

/** A window begins with the first question in it. */
export function createTicketWindow({ ticketTtl, ticketOverlap, mint }: TicketRules): TicketWindow {
  let live: Live[] = []
  const open = (now: number) => live.find(({ end }) => now < end)
  return {
    at(now) {
      const current = open(now)
      if (current) return current.ticket
      const next = { ticket: mint(), end: now + ticketTtl * 1000 }
      live = [next, ...live].slice(0, 2)
      return next.ticket
    },
    remaining: (now) => (open(now)?.end ?? now) - now,
    accepts: (ticket, now) => live.some((one) => one.ticket === ticket && now < one.end + ticketOverlap * 1000),
    kill() {
      live = []
    },
  }
}
