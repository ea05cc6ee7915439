import type { Store } from '../../../index.js'

/** The members of the `Store` interface that not every store has. */
export type StoreCapability = 'holder' | 'watch' | 'refresh' | 'onWarning' | 'path'

const ALL_CAPABILITIES: readonly StoreCapability[] = ['holder', 'watch', 'refresh', 'onWarning', 'path']

/** What a store can do. A store that declares no `capabilities` has those whose method it has. */
export const capabilitiesOf = (
  store: Store & { readonly capabilities?: readonly StoreCapability[] },
): readonly StoreCapability[] =>
  store.capabilities ?? ALL_CAPABILITIES.filter((capability) => typeof store[capability] === 'function')
