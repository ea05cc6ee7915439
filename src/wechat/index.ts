// The public names of dotdog/wechat.
export type { CallOptions } from './api/call.js'
export type { ErrorKind } from './api/error-table.js'
export { WeChatError } from './api/errors.js'
export type { WeChatOptions } from './options.js'
export type { HandshakeOptions, MessageReply, PushedMessage } from './push/answer.js'
export { messageXml, type SealedMessage } from './push/envelope.js'
export {
  decryptMessage,
  encryptMessage,
  MessageError,
  type MessageErrorCode,
  type PushAccount,
  type SealOptions,
} from './push/message-crypto.js'
export { handshake, type PushHandler } from './push/middleware.js'
export { type PushQuery, type ReplayOptions, verifySignature } from './push/signature.js'
export {
  type CardChoice,
  type CardExtInput,
  type CardSignature,
  type ChooseCardInput,
  type SignCardInput,
  signCard,
} from './signing/card.js'
export { type JsapiSignature, type SignJsapiInput, signJsapi } from './signing/jsapi.js'
export { type JsapiConfig, type WeChat, wechat } from './wechat.js'
