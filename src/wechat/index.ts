// dotdog/wechat: public names only.
export type { CallOptions } from './call.js'
export {
  type CardChoice,
  type CardExtInput,
  type CardSignature,
  type ChooseCardInput,
  type SignCardInput,
  signCard,
} from './card.js'
export { messageXml } from './envelope.js'
export { WeChatError } from './errors.js'
export type { ErrorKind } from './facts.js'
export { handshake, type PushHandler } from './handshake.js'
export {
  decryptMessage,
  encryptMessage,
  MessageError,
  type MessageErrorCode,
  type PushAccount,
  type SealedMessage,
  type SealOptions,
} from './message.js'
export type { WeChatOptions } from './options.js'
export type { HandshakeOptions, MessageReply, PushedMessage } from './push.js'
export { type JsapiSignature, type SignJsapiInput, signJsapi } from './sign.js'
export { type PushQuery, type ReplayOptions, verifySignature } from './signature.js'
export { type JsapiConfig, type WeChat, wechat } from './wechat.js'
