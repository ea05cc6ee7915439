// The public names of dotdog/fetchers. Each function returns the last two arguments of `init`: a
// fetcher, and options that know the account (`identity`) and how a dead token is reported
// (`isRejected`). A second argument overrides these options.

export { FetcherError, type FetcherErrorCode } from './lib/errors.js'
export type { Registration } from './lib/provider.js'
export { type DingTalkOptions, dingtalk } from './providers/dingtalk.js'
export { type DouyinOptions, douyin } from './providers/douyin.js'
export { type EntraOptions, entra } from './providers/entra.js'
export { type FeishuOptions, feishu } from './providers/feishu.js'
export { type GitHubAppOptions, githubApp } from './providers/github-app.js'
export { type GoogleOptions, google } from './providers/google.js'
export { type OAuth2Options, oauth2 } from './providers/oauth2.js'
export { type QQBotOptions, qqBot } from './providers/qq-bot.js'
export { type RefreshTokenOptions, type RefreshTokenValue, refreshToken } from './providers/refresh-token.js'
export { type WeComOptions, wecom } from './providers/wecom.js'
