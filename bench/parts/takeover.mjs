// The holder is killed in mid-fetch: the time until a waiter asks the upstream again.
import { clock, inTurns, line, pause, ratioOf, show, spreadOf } from '../measure.mjs'
import { startUpstream } from '../upstream.mjs'

const ROUNDS = 5
/** How long the holder has been fetching when it is killed. */
const KILL_AFTER_MS = 150

export async function takeover(lab) {
  const upstream = await startUpstream(500)
  const found = { dotdog: [], naive: [] }
  for (let round = 0; round < ROUNDS; round++) {
    for (const name of inTurns(Object.keys(found), round)) {
      found[name].push(await once(lab, upstream, name, lab.folder(`takeover-${name}-${round}`)))
    }
  }
  upstream.close()
  const beside = `${show(spreadOf(found.dotdog).median, 'ms')} : ${show(spreadOf(found.naive).median, 'ms')}`
  const values = { own: spreadOf(found.dotdog).median, peer: spreadOf(found.naive).median, unit: 'ms' }
  return [
    line('takeover', 'holder killed in mid-fetch: next fetch', ratioOf(found.dotdog, found.naive), {
      against: 'the parts, naively',
      target: 0.02,
      beside,
      note: `${ROUNDS} rounds`,
      values,
    }),
  ]
}

async function once(lab, upstream, name, dir) {
  upstream.forget()
  const start = () => lab.start(`cold-${name}.cjs`, [dir, upstream.port, 'plain'])
  const [holder, waiter] = [start(), start()]
  await Promise.all([holder.next(), waiter.next()])
  const first = upstream.next()
  // The holder is killed before it can answer.
  holder.ask('go').catch(() => {})
  await first
  const answer = waiter.ask('go')
  const second = upstream.next()
  await pause(KILL_AFTER_MS)
  const killed = clock()
  holder.child.kill('SIGKILL')
  const asked = await second
  await answer
  await waiter.stop()
  return asked - killed
}
