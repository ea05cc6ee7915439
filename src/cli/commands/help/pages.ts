/** The help of each command: what it does, its options, and an example. */
export interface Page {
  usage: string
  summary: string
  options?: readonly (readonly [option: string, meaning: string])[]
  example: readonly string[]
  notes?: readonly string[]
}

const CONFIG = ['--config FILE', 'the configuration; else DOTDOG_CONFIG, else dotdog.config.json here or above'] as const
const DIR = ['--dir FOLDER', 'the folder of the values; else as docs/program.md says'] as const
const COMMON = [CONFIG, DIR]

export const PAGES: Readonly<Record<string, Page>> = {
  get: {
    usage: 'dotdog get KEY',
    summary: 'prints a valid value and nothing else; fetches it if it must and can',
    options: [
      ['-n, --no-newline', 'no line break after the value'],
      ['--field NAME', 'one member of a value that is an object, by its name or a JSON pointer'],
      ['--min-ttl S', 'a value that lives at least S seconds more'],
      ['--json', 'value, expiresAt (epoch milliseconds; null: never) and generation'],
      ['--as FORM', 'header, env, netrc, aws, k8s or git: as the program that reads it wants it'],
      ['--host HOST', 'with --as netrc (needed) and git: the host that it is for'],
      ['--user NAME', 'with --as netrc and git; default x-access-token'],
      ...COMMON,
    ],
    example: ['curl -H "Authorization: Bearer $(dotdog get API)" https://api.example.com/'],
  },
  exec: {
    usage: 'dotdog exec [KEY[=NAME]…] -- command args',
    summary: 'runs a command with values in its environment; without keys, all of the configuration',
    options: [['--on-change WHAT', 'when a value changes: restart, or a signal such as HUP'], ...COMMON],
    example: ['dotdog exec SHOP_ACCESS_TOKEN=TOKEN -- php worker.php'],
    notes: ['The exit code is that of the command; 126 and 127 if it cannot be run; 128 + n for signal n.'],
  },
  status: {
    usage: 'dotdog status [KEY…]',
    summary: 'shows the state of each key, its last failure, and what to do about it; never a value',
    options: [['--json', 'for programs'], ['-w, --watch', 'goes on until Ctrl-C'], ...COMMON],
    example: ['dotdog status --watch'],
  },
  render: {
    usage: 'dotdog render TEMPLATE --out FILE [-- command args]',
    summary: 'writes values into a file, for programs that read files; the command runs after each change',
    options: [
      ['--out FILE', 'the file; only in a folder that nobody else can write'],
      ['--mode MODE', 'its octal mode; default 0600'],
      ['--group GROUP', 'its group'],
      ['--signal NAME', 'sent after each change; needs --pid-file'],
      ['--pid-file FILE', 'has the process that gets the signal'],
      ['-w, --watch', 'goes on: writes again when a value or the template changes'],
      ...COMMON,
    ],
    example: ['dotdog render token.tmpl --out /etc/app/token --group app --mode 0640 --watch -- systemctl reload app'],
    notes: ['In the template: {{ key "API" }}, {{ key "API" "field" }}, {{ expires "API" }} (epoch seconds), {{ "{{" }}.'],
  },
  refresh: {
    usage: 'dotdog refresh KEY',
    summary: 'replaces a value by a new one',
    options: [
      ['--rejected -', 'only if the value on standard input is still the current one'],
      ['--force', 'although a recent failure says to wait, or the value is young'],
      ...COMMON,
    ],
    example: ['echo "$TOKEN" | dotdog refresh ACCESS_TOKEN --rejected -'],
  },
  set: {
    usage: 'dotdog set KEY',
    summary: 'stores the value on standard input',
    options: [
      ['--expires-in S', 'its lifetime in seconds; default: it never expires'],
      ['--json', 'the input is JSON'],
      ...COMMON,
    ],
    example: ['dotdog set COMPONENT_VERIFY_TICKET --expires-in 43200 < ticket'],
  },
  rm: {
    usage: 'dotdog rm KEY',
    summary: 'removes a stored value, after asking',
    options: [['-y, --yes', 'does not ask'], ...COMMON],
    example: ['dotdog rm OLD_TOKEN --yes'],
  },
  import: {
    usage: 'dotdog import FILE',
    summary: 'adopts the tokens in a file of another program, after asking',
    options: [['--prefix NAME', 'put before the names of the keys'], ['-y, --yes', 'does not ask'], ...COMMON],
    example: ['dotdog import access_token.txt --yes'],
    notes: ["Files of guard_dog, co-wechat-api, tnwx, wechat-jssdk, node-easywechat, and the tutorials' wechat.txt."],
  },
  serve: {
    usage: 'dotdog serve',
    summary: 'serves the keys of this machine to other programs and machines',
    options: [
      ...COMMON,
      ['--socket PATH', "listens at a unix socket (mode 0600); beside a port it is the operator's"],
      ['--port N', 'listens on TCP; needs clients in the configuration'],
      ['--host ADDRESS', 'with --port; default 127.0.0.1'],
      ['--behind-proxy', "a proxy in front has TLS, and names the clients' addresses"],
      ['--tls-cert FILE', "the server's certificate, in PEM; needs --tls-key"],
      ['--tls-key FILE', 'the key of the certificate, in PEM'],
      ['--log [text|json]', 'writes a line for each request to standard output; json: all lines'],
    ],
    example: ['dotdog serve --socket /run/dotdog/dotdog.sock'],
  },
  token: {
    usage: 'dotdog token CLIENT',
    summary: "makes a client's token",
    options: [
      ['--keys NAMES', 'the keys it may read, with commas between; "*" and "WX_*" work'],
      ['--refresh', 'it may have values replaced'],
      ['--proxy', 'its calls to other paths of the platform are passed on'],
    ],
    example: ['dotdog token shop > shop.token'],
    notes: ['The token goes to standard output, and its entry for the configuration to standard error.'],
  },
  doctor: {
    usage: 'dotdog doctor',
    summary: 'looks at everything that can be wrong, and says what mends it; changes and fetches nothing',
    options: [['--json', 'for programs: {"findings": [{"check", "level", "what", "why", "mend", …}]}'], ...COMMON],
    example: ['dotdog doctor --json | jq \'.findings[] | select(.level != "ok")\''],
    notes: ['The exit code is 1 if a finding is serious.'],
  },
  config: {
    usage: 'dotdog config check | schema',
    summary: 'checks the configuration, or prints its JSON schema',
    options: [CONFIG],
    example: ['dotdog config check --config /etc/dotdog/dotdog.config.json'],
  },
  completion: {
    usage: 'dotdog completion bash | zsh | fish',
    summary: 'prints a script that completes commands, options and keys',
    example: ['eval "$(dotdog completion bash)"'],
  },
  help: {
    usage: 'dotdog help [COMMAND]',
    summary: 'says what there is, or all about one command',
    example: ['dotdog help get'],
  },
}

export const EXIT_CODES = `Exit codes: 0 success, 1 no value, 2 wrong usage or configuration, 3 unreachable;
126, 127 and 128 + n are those of the command that exec or render runs.`
