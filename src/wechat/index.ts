// dotdog/wechat: public names only.
export type { CallOptions } from './call.js'
export type { ErrorKind } from './codes.js'
export { WeChatError } from './errors.js'
export type { WeChatOptions } from './options.js'
export { type JsapiSignature, type SignJsapiInput, signJsapi } from './sign.js'
export { type JsapiConfig, type WeChat, wechat } from './wechat.js'
