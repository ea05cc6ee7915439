// dotdog/testing: public names only.
export { type FakeWeChat, type FakeWeChatOptions, fakeWeChat } from './fake.js'
export type { Endpoint, Fault } from './faults.js'
export type { Account, Counts } from './platform.js'
export type { LogEntry } from './server.js'
