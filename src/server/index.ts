// dotdog/server: public names only.

export type { LogEntry } from './handler.js'
export type { Client, ClientConfig, Clients } from './http/client.js'
export { Problem } from './http/problem.js'
export type { Exchange, LogDetails, Route } from './http/route.js'
export type { InheritedPlace, Limits, PortPlace, ServerOptions, SocketPlace, Where } from './options.js'
export { createServer, type DogServer } from './server.js'
export { type ProxyLimits, type ServedAccount, type WeChatRoutesOptions, wechatRoutes } from './wechat/index.js'
