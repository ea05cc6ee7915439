import type { IncomingMessage, ServerResponse } from 'node:http'

/**
 * Calls back when nobody is there any more to take the answer, or has taken it. Returns what ends the listening. Of the
 * connection too: an answer that waits behind another one has no close of its own.
 */
export function whenGone(request: IncomingMessage, response: ServerResponse, callback: () => void): () => void {
  const { socket } = request
  response.once('close', callback)
  socket.once('close', callback)
  return () => {
    response.off('close', callback)
    socket.off('close', callback)
  }
}
