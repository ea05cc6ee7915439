// What the program dotdog-fake-wechat says.
import type { FakeWeChat } from './fake-wechat.js'
import type { LogEntry } from './model/request-log.js'

export const USAGE = `dotdog-fake-wechat: a WeChat platform of your own, for tests in any language.

  --port <n>            where to listen; default: a free port
  --host <address>      default 127.0.0.1; anything else is open to others
  --appid <id>          the account; default: FAKE_APPID in the environment, else one of its own
  --secret <secret>     better FAKE_APPSECRET in the environment: arguments are seen by everybody on the machine.
                        Default: a random one, which is printed
  --kind official|mini  which kind of account; the whitelist of a mini program guards only calls with the AppSecret
  --mini                short for --kind mini
  --whitelist <ip,…>    addresses that may call, as the console takes them; default: all may
  --client-ip <ip>      where requests seem to come from; a header x-fake-client-ip goes before it
  --risk                a new address must be confirmed by the administrator: POST /_fake/confirm
  --ttl <s>             seconds a token lives; default 7200
  --overlap <s>         seconds a replaced token goes on being accepted; default 300
  --flappy              the replaced token is refused every other time in its overlap
  --ticket-remaining    getticket tells the seconds that remain instead of always 7200
  --delay <ms>          before each answer
  --log                 prints a line for each request
  -h, --help

POST /_fake/<name> with a JSON list of arguments does what the object of fakeWeChat() does: killToken, killTicket,
fail ["token", "drop", 1], heal, advance [7200000], setWhitelist [["1.2.3.4"]], setStanding, setRisk, confirm, reject, …
GET /_fake shows the counters and the log.`

/** Where the AppSecret came from. One that was given is not printed. */
export type SecretSource = 'generated' | 'env' | 'argument'

export function greeting({ url, appId, appSecret }: FakeWeChat, source: SecretSource): string {
  const secret = { generated: appSecret, env: '$FAKE_APPSECRET', argument: '$SECRET' }[source]
  const told = { generated: `${appSecret}  (random)`, env: 'from FAKE_APPSECRET', argument: 'from --secret' }[source]
  return `A fake WeChat platform listens at ${url}

  appid   ${appId}
  secret  ${told}

  curl "${url}/cgi-bin/token?grant_type=client_credential&appid=${appId}&secret=${secret}"
  curl "${url}/cgi-bin/stable_token" -d '{"grant_type":"client_credential","appid":"${appId}","secret":"'"${secret}"'"}'
  curl "${url}/cgi-bin/ticket/getticket?type=jsapi&access_token=$TOKEN"
  curl "${url}/_fake/killToken" -d '[]'      the tokens die
  curl "${url}/_fake"                        counters and log

Ctrl-C ends it.`
}

export function logLine({ at, method, path, status, errcode, rid, fault }: LogEntry): string {
  const outcome = status === 0 ? 'cut' : errcode === undefined ? `HTTP ${status}` : errcode === 0 ? 'ok' : `errcode ${errcode}`
  const time = new Date(at).toISOString().slice(11, 19)
  return [time, method, path, outcome, rid ?? '-', fault === undefined ? '' : `(fault ${fault})`].join(' ').trim()
}
