// dotdog/testing: public names only.
export type { Account, Standing, TicketType, TokenFamily } from './account.js'
export { type FakeWeChat, fakeWeChat } from './fake.js'
export type { Endpoint, Fault } from './faults.js'
export type { LogEntry } from './log.js'
export type { FakeWeChatOptions } from './options.js'
export type { Counts } from './request.js'
export type { Limits } from './rules.js'
export type { AccountKind } from './whitelist.js'
