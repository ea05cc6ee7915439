import { inspect } from 'node:util'
import t from 'tap'
import { type CallContext, errcodeError, transportError, WeChatError } from '../../../../src/wechat/api/errors.js'

const token: CallContext = { path: '/cgi-bin/token', appId: 'wx0', credential: true, secrets: ['s3cr3t/+='] }
const call: CallContext = { path: '/cgi-bin/user/info', appId: 'wx0', credential: false, secrets: ['s3cr3t/+=', 'T0KEN'] }
const now = Date.parse('2026-03-01T15:59:00Z')

t.test('an error has the code, kind, text, rid and path of its response', async (t) => {
  const error = errcodeError(40013, 'invalid appid rid: 6aac005a-01bfdbee-79769285', token, now)
  t.ok(error instanceof WeChatError && error instanceof Error)
  t.match(error, {
    name: 'WeChatError',
    code: 'WECHAT_40013',
    errcode: 40013,
    errmsg: 'invalid appid rid: 6aac005a-01bfdbee-79769285',
    rid: '6aac005a-01bfdbee-79769285',
    kind: 'permanent',
    path: '/cgi-bin/token',
    appId: 'wx0',
    retryAfter: 60,
  })
  t.match(error.message, /^WeChat answered 40013 to \/cgi-bin\/token\. The appId is unknown.*\(invalid appid\)$/)
})

t.test('the rid after a comma, as in /sns paths, is found, and a text without rid has none', async (t) => {
  t.equal(errcodeError(40013, 'invalid appid, rid: 6aac007a-01bfdbee-79769285', token, now).rid, '6aac007a-01bfdbee-79769285')
  t.equal(errcodeError(40013, 'invalid appid hint: [FQ4hVA0505hka5!]', token, now).rid, undefined)
})

t.test('the hint of 40164 names the IP that has to be added', async (t) => {
  const text = 'invalid ip 182.150.41.147 ipv6 ::ffff:182.150.41.147, not in whitelist rid: 68231586-663e56da-1e04e5eb'
  const error = errcodeError(40164, text, token, now)
  t.match(error.hint, 'Add 182.150.41.147 to the IP whitelist')
  t.match(error.message.slice(0, 200), '182.150.41.147', 'also if the message is cut')
  t.match(errcodeError(40164, 'invalid ip 2001:db8::1, not in whitelist', token, now).hint, 'Add 2001:db8::1 to')
  t.match(errcodeError(61004, 'access clientip is not registered', token, now).hint, /Add this machine's public IP/)
})

t.test('the Chinese hint names the same IP, and the message has the English hint only', async (t) => {
  const text = 'invalid ip 182.150.41.147 ipv6 ::ffff:182.150.41.147, not in whitelist rid: 68231586-663e56da-1e04e5eb'
  const error = errcodeError(40164, text, token, now)
  t.equal(error.ip, '182.150.41.147')
  t.match(error.hintZh, '把 182.150.41.147 加入该账号的 IP 白名单')
  t.ok(error.message.includes(error.hint) && !error.message.includes(error.hintZh))
  t.match(errcodeError(61004, 'access clientip is not registered', token, now), { ip: undefined, hintZh: /本机的公网 IP/ })
  t.match(transportError('HTTP status 502', token).hintZh, /请稍后重试/)
})

t.test('after an administrator refused, retryAfter is the time that the platform blocks', async (t) => {
  t.match(errcodeError(89503, '', token, now), { kind: 'permanent', retryAfter: 60 })
  t.match(errcodeError(89507, '', token, now), { kind: 'permanent', retryAfter: 3600 })
  t.match(errcodeError(89506, '', token, now), { kind: 'permanent', retryAfter: 86_400 })
})

t.test('the error of a quota says when the quota is reset', async (t) => {
  t.match(errcodeError(45009, 'reach max api daily quota limit', token, now), { kind: 'quota', retryAfter: 60 })
  t.match(errcodeError(45011, 'api minute-quota reach limit', call, now + 12_000), { kind: 'quota', retryAfter: 48 })
})

t.test('40001 means a wrong secret at the token endpoint, and a dead token at any other', async (t) => {
  t.match(errcodeError(40001, 'invalid credential', token, now), { kind: 'permanent', retryAfter: 60 })
  t.match(errcodeError(40001, 'invalid credential', call, now), { kind: 'rejected', retryAfter: undefined })
})

t.test('a secret that the platform repeats is masked, plain and URL-encoded', async (t) => {
  const text = `bad secret s3cr3t/+= or ${encodeURIComponent('s3cr3t/+=')} with T0KEN\nforged log line`
  const error = errcodeError(40001, text, call, now)
  t.equal(error.errmsg, 'bad secret *** or *** with *** forged log line')
  t.notMatch(inspect(error, { depth: 9, showHidden: true }), /s3cr3t|T0KEN/)
})

t.test('a secret across the cut of a long text leaves no part of itself', async (t) => {
  const { errmsg } = errcodeError(1, `${'x'.repeat(295)}s3cr3t/+= and more`, call, now)
  t.notMatch(errmsg, /s3/)
  t.ok(errmsg.length <= 300)
})

t.test('an errmsg that is not a string becomes an empty one', async (t) => {
  for (const text of [undefined, null, 5, { a: 1 }]) t.equal(errcodeError(40013, text, token, now).errmsg, '')
})

t.test('the error for an unclear response is transient, and has no errcode', async (t) => {
  const error = transportError('HTTP status 502', token)
  t.match(error, { code: 'WECHAT_TRANSPORT', kind: 'transient', errcode: undefined, errmsg: '', retryAfter: undefined })
  t.match(error.message, '/cgi-bin/token: HTTP status 502')
})

t.test('the name of a WeChatError is a literal on its prototype, so that a minified build keeps it', async (t) => {
  const Renamed = class x extends WeChatError {}
  const { name, ...fields } = { ...errcodeError(40013, 'invalid appid', token, now) } as Record<string, unknown>
  t.equal(name, undefined, 'no error carries the name as a field of its own')
  t.equal(Object.getOwnPropertyDescriptor(WeChatError.prototype, 'name')?.value, 'WeChatError')
  t.equal(new Renamed('message', fields as never).name, 'WeChatError')
})
