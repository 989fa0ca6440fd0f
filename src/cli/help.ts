import { COMMON_OPTIONS, type Command, type OptionSpecs } from './command.ts'

/** What `latchkey help` says. */
export function generalHelp(commands: readonly Command[]): string {
  return `Latchkey: one key opens every door to the same files (WebDAV, SFTP, FTP, S3, REST).

Usage: latchkey COMMAND [OPTIONS]

  ${'serve'.padEnd(16)}  start the server (latchkey serve --help)
${commands.map(({ path, summary }) => `  ${path.padEnd(16)}  ${summary}\n`).join('')}
Commands work on the data folder next to a running server: a key that is disabled here
is cut off there within a second.

First steps:
  latchkey user add anna
  latchkey grant add --user anna --path /photos --rights full
  latchkey key create laptop --user anna --expires 90d

Options of all commands:
${optionLines(COMMON_OPTIONS)}
'latchkey help key create' explains one command. Exit codes: 0 done, 1 failed, 2 wrongly called.
`
}

/** What `latchkey help TOPIC` says. */
export function topicHelp(topic: string, commands: readonly Command[]): string {
  const lines = commands.map(({ path, summary }) => `  latchkey ${path.padEnd(14)}  ${summary}\n`)
  return `${lines.join('')}\n'latchkey help ${topic} VERB' explains one of them, with examples.\n`
}

/** What `latchkey TOPIC VERB --help` says. */
export function commandHelp(command: Command): string {
  const details = command.details === undefined ? '' : `\n${command.details}\n`
  const args = command.arguments.map(({ name, help }) => `  ${name.padEnd(22)}  ${help}\n`).join('')
  return `${command.summary[0]?.toUpperCase()}${command.summary.slice(1)}.

Usage: ${usageLine(command)}
${details}${args === '' ? '' : `\n${args}`}
Options:
${optionLines(command.options)}${optionLines(COMMON_OPTIONS)}
Examples:
${command.examples.map((example) => `  ${example}\n`).join('')}`
}

/** How the command is called, on one line. */
export function usageLine(command: Command): string {
  const options = Object.entries(command.options).map(([name, { value, required }]) => {
    const text = value === undefined ? `--${name}` : `--${name} ${value}`
    return required ? text : `[${text}]`
  })
  const args = command.arguments.map(({ name }) => name)
  return ['latchkey', command.path, ...args, ...options].join(' ')
}

function optionLines(specs: OptionSpecs): string {
  return Object.entries(specs)
    .map(([name, { value, help }]) => `  ${`--${name} ${value ?? ''}`.padEnd(22)}  ${help}\n`)
    .join('')
}

/** What `latchkey serve --help` says. */
export const SERVE_HELP = `Start the server: every door that the configuration names. Without one, on 127.0.0.1:
WebDAV 8080, S3 9000, SFTP 2022, FTP 2121, REST and admin 8090. The first start makes the data
folder, a site with an administrator, and a first key, and shows its secrets once.

Usage: latchkey serve [OPTIONS]

Options:
  --data DIR              data folder (default: $LATCHKEY_DATA, else ./data)
  --config FILE           configuration; config/latchkey.example.yaml explains every option
  --demo                  also makes a member with a key, a grant and a site key (demo.json)
  --free-ports            takes free ports and writes them to addresses.json

Examples:
  latchkey serve
  latchkey serve --config /etc/latchkey.yaml --data /var/lib/latchkey
`
