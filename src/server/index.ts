// dotdog/server: public names only.
export type { Client, ClientConfig, Clients } from './clients.js'
export type { LogEntry } from './handler.js'
export type { Limits, ServerOptions, Where } from './options.js'
export { Problem } from './problem.js'
export type { Exchange, Route } from './route.js'
export { createServer, type DogServer } from './server.js'
export { type ProxyLimits, type ServedAccount, type WeChatRoutesOptions, wechatRoutes } from './wechat/index.js'
