import type { Channel } from 'node:diagnostics_channel'
import type { DogEvent, DogEvents } from '../../../index.js'

/** The channel of `node:diagnostics_channel` on which each event is published. */
const CHANNEL_NAMES: Readonly<Record<DogEvent, string>> = {
  change: 'dotdog:change',
  refresh: 'dotdog:fetch',
  failure: 'dotdog:failure',
  wait: 'dotdog:wait',
  takeover: 'dotdog:takeover',
  warning: 'dotdog:warning',
}

export const EVENT_NAMES = Object.keys(CHANNEL_NAMES) as readonly DogEvent[]

let channels: Record<DogEvent, Channel> | undefined

/** Node loads the module at the first event and not before: a process that only reads has none. */
function openChannels(): Record<DogEvent, Channel> {
  const { channel } = process.getBuiltinModule('node:diagnostics_channel')
  const entries = EVENT_NAMES.map((event) => [event, channel(CHANNEL_NAMES[event])])
  return Object.fromEntries(entries)
}

/** Publishes an event of any dog of this process to those who collect diagnostics. */
export function publish<E extends DogEvent>(event: E, payload: DogEvents[E]): void {
  channels ??= openChannels()
  if (channels[event].hasSubscribers) channels[event].publish(payload)
}
