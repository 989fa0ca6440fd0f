import { resolve } from 'node:path'
import { Fault } from '#faults'
import { closest } from './closest.ts'
import type { Backstage, CliIo, Command, CommandContext, Typed } from './command.ts'
import { ALLOWED_COMMANDS } from './commands/allowed.ts'
import { AUDIT_COMMANDS } from './commands/audit.ts'
import { DATABASE_COMMANDS } from './commands/database.ts'
import { GRANT_COMMANDS } from './commands/grant.ts'
import { GROUP_COMMANDS } from './commands/group.ts'
import { HOST_KEY_COMMANDS } from './commands/host-key.ts'
import { KEY_COMMANDS } from './commands/key.ts'
import { KEY_ISSUE_COMMANDS } from './commands/key-issue.ts'
import { MASTER_KEY_COMMANDS } from './commands/master-key.ts'
import { MOUNT_COMMANDS } from './commands/mount.ts'
import { SESSION_COMMANDS } from './commands/session.ts'
import { SITE_COMMANDS } from './commands/site.ts'
import { SITE_SET_COMMANDS } from './commands/site-set.ts'
import { SSH_KEY_COMMANDS } from './commands/ssh-key.ts'
import { TRASH_COMMANDS } from './commands/trash.ts'
import { USER_COMMANDS } from './commands/user.ts'
import { USER_MORE_COMMANDS } from './commands/user-more.ts'
import { commandHelp, generalHelp, SERVE_HELP, topicHelp, usageLine } from './help.ts'
import { createOutput } from './output.ts'
import { checkComplete, commandFirst, parseCommandLine } from './parse.ts'
import { openRemote } from './remote/open.ts'
import { findSite } from './sites.ts'

export type { Backstage, CliIo } from './command.ts'

const COMMANDS: readonly Command[] = [
  ...SITE_COMMANDS,
  ...SITE_SET_COMMANDS,
  ...USER_COMMANDS,
  ...USER_MORE_COMMANDS,
  ...SSH_KEY_COMMANDS,
  ...GROUP_COMMANDS,
  ...GRANT_COMMANDS,
  ...MOUNT_COMMANDS,
  ...KEY_ISSUE_COMMANDS,
  ...KEY_COMMANDS,
  ...ALLOWED_COMMANDS,
  ...MASTER_KEY_COMMANDS,
  ...HOST_KEY_COMMANDS,
  ...DATABASE_COMMANDS,
  ...TRASH_COMMANDS,
  ...SESSION_COMMANDS,
  ...AUDIT_COMMANDS,
]
const BY_PATH: ReadonlyMap<string, Command> = new Map(COMMANDS.map((command) => [command.path, command]))
const BY_TOPIC: ReadonlyMap<string, readonly Command[]> = Map.groupBy(COMMANDS, topicOf)

const DONE = 0
const FAILED = 1
const WRONGLY_CALLED = 2

/** Runs one command; resolves to the exit code: 0 done, 1 failed, 2 wrongly called. Never rejects. */
export async function runCli(argv: readonly string[], io: CliIo): Promise<number> {
  if (argv[0] === 'serve') return serve(argv.slice(1), io)
  const [topic, verb, ...rest] = commandFirst(argv)
  if (topic === undefined) return misused(io, generalHelp(COMMANDS))
  if (topic === 'help') return explain(io, [verb, ...rest])
  if (topic === '--help' || topic === '-h') return explain(io, [])
  const command = BY_PATH.get(`${topic} ${verb}`)
  if (command === undefined) return unknownCommand(io, topic, verb)
  return runCommand(io, command, rest)
}

async function serve(argv: readonly string[], io: CliIo): Promise<number> {
  if (argv.includes('--help') || argv.includes('-h')) return explain(io, ['serve'])
  return io.serve([...argv])
}

async function runCommand(io: CliIo, command: Command, argv: readonly string[]): Promise<number> {
  try {
    if (argv.includes('-h')) return explain(io, [command.path])
    const typed = parseCommandLine(command, argv)
    if (typed.flag('help')) return explain(io, [command.path])
    checkComplete(command, typed)
    await using backstage = await open(io, typed)
    await command.run(contextOf(io, backstage, typed))
    return DONE
  } catch (error) {
    return report(io, command, error)
  }
}

function contextOf(io: CliIo, backstage: Backstage, typed: Typed): CommandContext {
  const { identity } = backstage
  const actor = { kind: 'command_line' } as const
  const out = createOutput(io, typed.flag('json'))
  return {
    ...typed,
    identity,
    get masterKeys() {
      return backstage.masterKeys
    },
    get hostKeys() {
      return backstage.hostKeys
    },
    backup: backstage.backup,
    local: typed.text('url') === undefined ? { dataDir: backstage.dataDir } : null,
    actor,
    out,
    stdin: io.stdin,
    site: () => findSite(identity, actor, typed.text('site')),
    files: async () => backstage.files(await findSite(identity, actor, typed.text('site'))),
  }
}

async function open(io: CliIo, typed: Typed): Promise<Backstage> {
  const url = typed.text('url')
  if (url === undefined) return io.openBackstage(dataDir(typed))
  if (typed.text('data') !== undefined) throw new Fault('invalid', 'give --url or --data, not both')
  return openRemote(url, io.remoteKey)
}

function dataDir(typed: Typed): string {
  return resolve(typed.text('data') ?? process.env.LATCHKEY_DATA ?? 'data')
}

function report(io: CliIo, command: Command, error: unknown): number {
  const message = error instanceof Error ? error.message : String(error)
  if (!(error instanceof Fault && error.code === 'invalid')) {
    io.stderr(`latchkey: ${message}\n`)
    return FAILED
  }
  return misused(
    io,
    `latchkey: ${message}\nUsage: ${usageLine(command)}\nMore: latchkey help ${command.path}\n`,
  )
}

function explain(io: CliIo, words: readonly (string | undefined)[]): number {
  const [topic, verb] = words.flatMap((word) => word?.split(' ') ?? [])
  if (topic === undefined) {
    io.stdout(generalHelp(COMMANDS))
    return DONE
  }
  if (topic === 'serve') {
    io.stdout(SERVE_HELP)
    return DONE
  }
  const command = BY_PATH.get(`${topic} ${verb}`)
  const siblings = BY_TOPIC.get(topic)
  if (command !== undefined) io.stdout(commandHelp(command))
  else if (siblings !== undefined && verb === undefined) io.stdout(topicHelp(topic, siblings))
  else return unknownCommand(io, topic, verb)
  return DONE
}

function unknownCommand(io: CliIo, topic: string, verb: string | undefined): number {
  const siblings = BY_TOPIC.get(topic)
  if (siblings === undefined) {
    return misused(
      io,
      `${notThere(topic, [...BY_TOPIC.keys(), 'serve', 'help'], '')}'latchkey help' lists all.\n`,
    )
  }
  if (verb === '--help' || verb === '-h') return explain(io, [topic])
  const verbs = siblings.map(({ path }) => path.slice(topic.length + 1))
  const problem = verb === undefined || verb.startsWith('-') ? '' : notThere(verb, verbs, `${topic} `)
  return misused(io, problem + topicHelp(topic, siblings))
}

function notThere(word: string, candidates: readonly string[], before: string): string {
  const near = closest(word, candidates)
  const hint = near === null ? '' : ` Did you mean 'latchkey ${before}${near}'?`
  return `latchkey: there is no command '${before}${word}'.${hint}\n`
}

function misused(io: CliIo, text: string): number {
  io.stderr(text)
  return WRONGLY_CALLED
}

function topicOf({ path }: Command): string {
  return path.slice(0, path.indexOf(' '))
}
