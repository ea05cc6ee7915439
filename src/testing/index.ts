/** dotdog/testing: its public names. */

export { type FakeWeChat, fakeWeChat } from './fake-wechat.js'
export type { Account, Standing, TicketType, TokenFamily } from './model/account.js'
export type { Counts } from './model/fake-request.js'
export type { Endpoint, Fault } from './model/faults.js'
export type { AccountKind } from './model/ip-whitelist.js'
export type { LogEntry } from './model/request-log.js'
export type { Limits } from './model/rules.js'
export type { FakeWeChatOptions } from './options.js'
export type { Authorization } from './platform/component.js'
