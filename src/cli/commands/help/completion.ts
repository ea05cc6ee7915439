// dotdog completion: a script that completes commands, options and keys in a shell.
import { parseArgs } from 'node:util'
import { openSession } from '../../configuration/session.js'
import { SESSION_OPTIONS } from '../../lib/arguments.js'
import { ExitError } from '../../lib/exit-error.js'
import { write } from '../../lib/output.js'
import { PAGES } from './pages.js'

const SHELLS = ['bash', 'zsh', 'fish'] as const
/** Commands that take keys. */
const WITH_KEYS = ['get', 'exec', 'status', 'refresh', 'set', 'rm']

export async function completion(args: string[]): Promise<void> {
  const { values, positionals } = parseArgs({ args, allowPositionals: true, options: SESSION_OPTIONS })
  const [shell] = positionals
  // The scripts ask for the keys at each completion.
  if (shell === 'keys') return printKeys(values)
  if (positionals.length !== 1 || !SHELLS.includes(shell as 'bash')) {
    throw new ExitError(2, 'dotdog completion takes bash, zsh or fish')
  }
  return write(SCRIPTS[shell as (typeof SHELLS)[number]]())
}

async function printKeys(values: { config?: string; dir?: string }): Promise<void> {
  try {
    const { dog, keys } = await openSession(values)
    const all = new Set([...keys, ...(await dog.status()).map(({ key }) => key)])
    // A shell would take such a key apart.
    const plain = [...all].filter((key) => /^[\w.-]+$/.test(key)).sort()
    return write(plain.map((key) => `${key}\n`).join(''))
  } catch {
    // In the middle of a command line there is no place for a message.
  }
}

const commands = (): string => Object.keys(PAGES).join(' ')

function optionsOf(command: string): string[] {
  const { options = [] } = PAGES[command]!
  return [...options.flatMap(([option]) => option.match(/--[a-z-]+/g) ?? []), '--help']
}

function wordsOf(command: string): string[] {
  if (command === 'help') return Object.keys(PAGES)
  if (command === 'config') return ['check', 'schema', ...optionsOf(command)]
  return command === 'completion' ? [...SHELLS] : optionsOf(command)
}

const cases = (indent: string, line: (command: string) => string): string =>
  Object.keys(PAGES)
    .map((command) => indent + line(command))
    .join('\n')

const SCRIPTS = {
  bash: () => `_dotdog() {
  local words keys=''
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W '${commands()} --help --version' -- "\${COMP_WORDS[COMP_CWORD]}"))
    return
  fi
  case "\${COMP_WORDS[1]}" in
${cases('    ', (command) => `${command}) words='${wordsOf(command).join(' ')}' ;;`)}
  esac
  case "\${COMP_WORDS[1]}" in
    ${WITH_KEYS.join('|')}) keys="$(dotdog completion keys 2>/dev/null)" ;;
  esac
  COMPREPLY=($(compgen -W "$words $keys" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _dotdog dotdog
`,
  zsh: () => `#compdef dotdog
_dotdog() {
  local -a candidates
  if (( CURRENT == 2 )); then
    candidates=(${commands()} --help --version)
  else
    case "\${words[2]}" in
${cases('      ', (command) => `${command}) candidates=(${wordsOf(command).join(' ')}) ;;`)}
    esac
    case "\${words[2]}" in
      ${WITH_KEYS.join('|')}) candidates+=(\${(f)"$(dotdog completion keys 2>/dev/null)"}) ;;
    esac
  fi
  compadd -a candidates
}
compdef _dotdog dotdog
`,
  fish: () => `complete -c dotdog -f
complete -c dotdog -n __fish_use_subcommand -a '${commands()}'
${cases('', (command) => `complete -c dotdog -n '__fish_seen_subcommand_from ${command}' -a '${wordsOf(command).join(' ')}'`)}
complete -c dotdog -n '__fish_seen_subcommand_from ${WITH_KEYS.join(' ')}' -a '(dotdog completion keys 2>/dev/null)'
`,
}
