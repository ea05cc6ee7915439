import type { Check, Finding } from './finding.js'
import { ok, same, words } from './finding.js'

/** The configuration: found, trusted, without mistakes, and its secrets are there. */
export const configuration: Check = {
  name: 'configuration',
  needs: ['configuration'],
  find({ configuration: facts }) {
    const { path, refusal, problems, missing, keyCount, hasAccountOfEnvironment } = facts!
    if (refusal !== undefined) return [{ level: 'serious', what: same(refusal) }]
    const mend = words('Correct it; dotdog config check looks again.', '请改正；可用 dotdog config check 再次检查。')
    const wrong = problems.map((problem): Finding => ({ level: 'serious', what: same(problem), mend }))
    const absent = missing.map(
      (problem): Finding => ({
        level: 'serious',
        what: same(problem),
        why: words('A fetch needs this secret.', '获取时需要此密钥。'),
        mend: words(
          'Set the variable where dotdog runs (also in cron, systemd, pm2), or make the file readable.',
          '请在运行 dotdog 的环境（包括 cron、systemd、pm2）中设置该变量，或使该文件可读。',
        ),
      }),
    )
    if (wrong.length + absent.length > 0) return [...wrong, ...absent]
    if (path !== undefined) return [ok(`${path} is right: ${keyCount} keys`, `${path} 正确：${keyCount} 个键`)]
    if (hasAccountOfEnvironment) return [ok('the account of WX_APPID', '使用 WX_APPID 的账号')]
    return [ok('there is none: values can be read, not fetched', '没有配置：只能读取值，不能获取')]
  },
}
