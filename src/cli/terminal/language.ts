/** The languages in which the program and the dashboard speak to people. */
export type Language = 'en' | 'zh'

/** One text in both languages. */
export type Words = Readonly<Record<Language, string>>

/** The language of a locale as the environment names it: `zh_CN.UTF-8` is Chinese. */
export function languageOf(env: Readonly<Record<string, string | undefined>>): Language {
  const locale = env.LC_ALL || env.LC_MESSAGES || env.LANG || ''
  return /^zh\b|^zh_/i.test(locale) ? 'zh' : 'en'
}
