/** The texts that the program dotdog-fake-wechat prints. */
import type { FakeWeChat } from './fake-wechat.js'
import type { LogEntry } from './model/request-log.js'

export const USAGE = `Usage: dotdog-fake-wechat [options]

Starts a fake WeChat platform, for tests in any language.

  --port <n>            port to listen on; default: a free port
  --host <address>      address to listen on; default 127.0.0.1. Any other address is open to
                        other machines
  --appid <id>          AppID of the account; default: FAKE_APPID, or else a built-in AppID
  --secret <secret>     AppSecret of the account; default: FAKE_APPSECRET, or else a random one,
                        which is printed. Prefer FAKE_APPSECRET: every user of the machine can
                        see arguments
  --kind official|mini  kind of the account; default official. The whitelist of a mini program
                        guards only the calls with the AppSecret
  --mini                the same as --kind mini
  --whitelist <ip,…>    addresses that may call, as the console accepts them; default: all
  --client-ip <ip>      address that requests seem to come from; default: that of the connection.
                        The header x-fake-client-ip takes precedence
  --risk                the administrator must confirm each new address: POST /_fake/confirm
  --ttl <s>             lifetime of a token, in seconds; default 7200
  --overlap <s>         seconds for which a replaced token is still accepted; default 300
  --flappy              within its overlap, a replaced token is refused half of the time
  --ticket-remaining    expires_in of getticket is the seconds that remain, not always 7200
  --delay <ms>          milliseconds before each response; default 0
  --log                 print a line for each request
  -h, --help            print this text

POST /_fake/<name> with a JSON list of arguments calls a method of the object that fakeWeChat()
returns: killToken [], fail ["token", "drop", 1], heal [], advance [7200000],
setWhitelist [["1.2.3.4"]], setStanding, setRisk, confirm, reject, …
GET /_fake returns the counters and the log.

Exit code: 0 after SIGINT or SIGTERM, 1 if it cannot listen, 2 for wrong arguments.`

/** Where the AppSecret came from. Only a generated one is printed. */
export type SecretSource = 'generated' | 'env' | 'argument'

/** What is printed when the fake listens: its address, the account, and commands to try. */
export function startMessage({ url, appId, appSecret }: FakeWeChat, source: SecretSource): string {
  const secretInCommands = { generated: appSecret, env: '$FAKE_APPSECRET', argument: '$SECRET' }[source]
  const shownSecret = { generated: `${appSecret}  (random)`, env: 'from FAKE_APPSECRET', argument: 'from --secret' }[source]
  const stableBody = `{"grant_type":"client_credential","appid":"${appId}","secret":"'"${secretInCommands}"'"}`
  return `A fake WeChat platform listens at ${url}

  appid   ${appId}
  secret  ${shownSecret}

  curl "${url}/cgi-bin/token?grant_type=client_credential&appid=${appId}&secret=${secretInCommands}"
  curl "${url}/cgi-bin/stable_token" -d '${stableBody}'
  curl "${url}/cgi-bin/ticket/getticket?type=jsapi&access_token=$TOKEN"
  curl "${url}/_fake/killToken" -d '[]'      kills all tokens
  curl "${url}/_fake"                        shows the counters and the log

Press Ctrl-C to stop.`
}

/** The line that `--log` prints for a request. */
export function formatLogLine({ at, method, path, status, errcode, rid, fault }: LogEntry): string {
  const outcome = status === 0 ? 'cut' : errcode === undefined ? `HTTP ${status}` : errcode === 0 ? 'ok' : `errcode ${errcode}`
  const time = new Date(at).toISOString().slice(11, 19)
  return [time, method, path, outcome, rid ?? '-', fault === undefined ? '' : `(fault ${fault})`].join(' ').trim()
}
