import type { Language, Words } from './language.js'

/** What a person can do about a failure. */

const HINTS: Readonly<Record<string, Words>> = {
  ERR_DOG_NO_FETCHER: {
    en: 'Nothing here knows how to fetch this key: name it under "keys" in dotdog.config.json, or run the program that fetches it.',
    zh: '本机没有获取此键的方法：请在 dotdog.config.json 的 "keys" 中配置它，或运行负责获取它的程序。',
  },
  ERR_DOG_FETCH: {
    en: 'The fetch failed. All processes wait before the next one; `dotdog refresh KEY --force` asks at once.',
    zh: '获取失败。所有进程会稍后重试；可用 `dotdog refresh KEY --force` 立即重试。',
  },
  ERR_DOG_FETCH_TIMEOUT: {
    en: 'The upstream did not answer in time: check the network and any proxy.',
    zh: '上游没有及时应答：请检查网络和代理。',
  },
  ERR_DOG_FETCH_RESULT: {
    en: 'The answer of the upstream was not understood: compare it with the configuration of the key.',
    zh: '无法理解上游的应答：请对照该键的配置检查。',
  },
  ERR_DOG_WAIT_TIMEOUT: {
    en: 'Another process holds the key for too long: `dotdog status` names it.',
    zh: '另一个进程占用该键过久：`dotdog status` 会显示它。',
  },
  ERR_DOG_QUOTA: {
    en: 'The quota of the key is used up: wait until its window ends.',
    zh: '该键的获取次数已用完：请等到下一个周期。',
  },
  ERR_DOG_REJECTED: {
    en: 'The upstream gave the rejected value again: look for another program that fetches the same token.',
    zh: '上游再次给出了已失效的值：请查找是否有其他程序在获取同一 token。',
  },
  ERR_DOG_STORE: {
    en: 'The folder or the store failed: check that it exists, that it is yours, and that it can be reached.',
    zh: '目录或存储出错：请检查它是否存在、属于您，并且可以访问。',
  },
  ERR_DOG_IDENTITY: {
    en: 'The record belongs to another account: give each account a folder or a prefix of its own.',
    zh: '该记录属于另一个账号：请为每个账号使用单独的目录或前缀。',
  },
  ERR_DOG_DECRYPT: {
    en: 'No given key opens the record: add the encryptionKey that wrote it.',
    zh: '现有密钥无法解密该记录：请加入写入它的 encryptionKey。',
  },
  ERR_DOG_CYCLE: {
    en: 'Keys depend on each other in a circle: take one of the dependencies away.',
    zh: '键之间循环依赖：请去掉其中一个依赖。',
  },
}

/** The fields of a failure or of an error that a hint depends on. */
export interface Explained {
  code?: unknown
  /** What the upstream said: its own hint is better than ours. */
  details?: { hint?: unknown; hintZh?: unknown } | unknown
}

/** `undefined` where nothing is known to help. */
export function hintOf({ code, details }: Explained, language: Language): string | undefined {
  const { hint, hintZh } = Object(details) as { hint?: unknown; hintZh?: unknown }
  const own = language === 'zh' ? hintZh : hint
  if (typeof own === 'string' && own !== '') return own
  return typeof code === 'string' && Object.hasOwn(HINTS, code) ? HINTS[code]![language] : undefined
}
