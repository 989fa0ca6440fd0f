import { Fault } from '#faults'
import { issuedJson, keyJson } from '#identity/json.ts'
import { parseDuration } from '#identity/times.ts'
import type { Command, CommandContext, OptionSpec } from '../command.ts'
import {
  KEY,
  LIMIT_OPTIONS,
  limitFields,
  namedKey,
  readLimitOptions,
  SCOPES_HELP,
  secretFields,
} from '../key-options.ts'
import { createGuestKey, createKey, rotateKey, updateKey } from '../use-cases.ts'
import { minute } from '../words.ts'

const VALUE: OptionSpec = {
  type: 'string',
  value: 'VALUE',
  help: 'a chosen value, where the site allows it; --value=- reads it from standard input',
}

const create: Command = {
  path: 'key create',
  summary: 'issue a key; its value is shown once',
  details: `A user key acts as its user, at most with its scopes. A site key opens the whole site: for
automation that nothing narrower serves. For requests without any key there is 'guest create'.

${SCOPES_HELP}`,
  arguments: [{ name: 'NAME', help: 'what the key is called; not another key’s name' }],
  options: {
    user: { type: 'string', value: 'NAME', help: 'whose key it is (user keys)' },
    type: { type: 'string', value: 'TYPE', help: 'user (default) or site' },
    ...LIMIT_OPTIONS,
    value: VALUE,
    s3: { type: 'boolean', help: 'with an access key pair for S3 clients' },
  },
  examples: [
    'latchkey key create laptop --user anna',
    'latchkey key create backup --user anna --s3 --scopes files_only --expires 90d',
    'latchkey key create inbox --user anna --scopes upload_only --base-path /inbox --expires never',
    "latchkey key create office --user anna --allow 192.0.2.0/24 --window 'mon-fri 08:00-18:00 Europe/Vienna'",
    'latchkey key create automation --type site --expires 2027-01-31',
  ],
  async run(context) {
    const { identity, actor, text, flag, site, out, args } = context
    const user = text('user')
    const input = {
      ...readLimitOptions(context),
      name: args[0] ?? '',
      type: readType(text('type') ?? 'user'),
      user: user === undefined ? undefined : { name: user },
      value: await readValue(context),
      pair: flag('s3'),
    }
    const issued = await createKey(identity, actor, (await site()).id, input)
    const waits = issued.key.enabled ? '' : `\nIt waits to be enabled: latchkey key enable ${issued.key.id}`
    out.result(
      issuedJson(issued, identity.clock.now()),
      `Key '${issued.key.name}' was made. Copy its secrets now: they are not shown again.${waits}`,
      [...secretFields(issued), ...limitFields(issued.key)],
    )
  },
}

const update: Command = {
  path: 'key update',
  summary: 'change what is named of a key, and leave the rest',
  details: SCOPES_HELP,
  arguments: [KEY],
  options: { name: { type: 'string', value: 'NAME', help: 'a new name' }, ...LIMIT_OPTIONS },
  examples: [
    'latchkey key update laptop --scopes read_only',
    'latchkey key update laptop --expires 90d --allow none',
  ],
  async run(context) {
    const { identity, actor, text, out } = context
    const { siteId, id } = await namedKey(context)
    const changes = { ...readLimitOptions(context), name: text('name') }
    const key = await updateKey(identity, actor, siteId, id, changes)
    out.result(keyJson(key, identity.clock.now()), `Key '${key.name}' is changed.`, limitFields(key))
  },
}

const rotate: Command = {
  path: 'key rotate',
  summary: 'give a key a new value; the old one goes on for a while',
  details: `Id and login stay. The old value stops when the overlap is over, 0s to 30d from now; without
--overlap it stops at once. S3 clients know one pair: with --s3 the old pair stops at once.`,
  arguments: [KEY],
  options: {
    overlap: { type: 'string', value: 'TIME', help: 'how long the old value goes on: 12h, 7d (default: 0s)' },
    value: VALUE,
    s3: { type: 'boolean', help: 'also replace the access key pair' },
  },
  examples: ['latchkey key rotate backup --overlap 24h', 'latchkey key rotate leaked --s3'],
  async run(context) {
    const { identity, actor, text, flag, out } = context
    const { siteId, id } = await namedKey(context)
    const overlap = readOverlap(text('overlap') ?? '0s')
    const input = { overlap, value: await readValue(context), pair: flag('s3') }
    const issued = await rotateKey(identity, actor, siteId, id, input)
    const now = identity.clock.now()
    const until =
      overlap === 0 ? 'The old one has stopped.' : `The old one stops at ${minute(now + overlap, '')}.`
    out.result(
      issuedJson(issued, now),
      `Key '${issued.key.name}' has a new value. Copy it now: it is not shown again. ${until}`,
      secretFields(issued),
    )
  },
}

const guest: Command = {
  path: 'guest create',
  summary: "make a site's guest key: what requests without a key may do",
  details: `It has no value and is named guest; a site has one at most. 'key show guest', 'key disable guest'
and the other commands work on it. It reads only unless scopes are named, and never administers.

${SCOPES_HELP}`,
  arguments: [],
  options: LIMIT_OPTIONS,
  examples: ['latchkey guest create --base-path /public --expires never'],
  async run(context) {
    const { identity, actor, site, out } = context
    const key = await createGuestKey(identity, actor, (await site()).id, readLimitOptions(context))
    const text = `Everybody may now reach ${key.basePath} without a key; 'latchkey key disable guest' ends it.`
    out.result(keyJson(key, identity.clock.now()), text, limitFields(key))
  },
}

// Other users of the machine see what stands on a command line.
async function readValue({ text, stdin }: CommandContext): Promise<string | undefined> {
  const value = text('value')
  return value === '-' ? (await stdin()).replace(/\r?\n$/, '') : value
}

function readType(text: string): 'site' | 'user' {
  if (text === 'site' || text === 'user') return text
  throw new Fault('invalid', `--type is user or site, not '${text}'`)
}

function readOverlap(text: string): number {
  const overlap = parseDuration(text)
  if (overlap === null) throw new Fault('invalid', `--overlap is like 30m, 12h or 7d, not '${text}'`)
  return overlap
}

export const KEY_ISSUE_COMMANDS: readonly Command[] = [create, update, rotate, guest]
