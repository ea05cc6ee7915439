// dotdog/fetchers: public names only. Each function returns the last two arguments of init: a fetcher, and options that know
// the account (identity) and what a dead token looks like (isRejected). A second argument overrides options.
export { type DingTalkOptions, dingtalk } from './dingtalk.js'
export { type DouyinOptions, douyin } from './douyin.js'
export { type EntraOptions, entra } from './entra.js'
export { FetcherError, type FetcherErrorCode } from './errors.js'
export type { Registration } from './family.js'
export { type FeishuOptions, feishu } from './feishu.js'
export { type GitHubAppOptions, githubApp } from './github-app.js'
export { type GoogleOptions, google } from './google.js'
export { type OAuth2Options, oauth2 } from './oauth2.js'
export { type QQBotOptions, qqBot } from './qq-bot.js'
export { type WeComOptions, wecom } from './wecom.js'
