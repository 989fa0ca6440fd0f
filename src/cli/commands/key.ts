import { Fault } from '#faults'
import { createKey } from '#identity/create-key.ts'
import { issuedJson, keyJson, keyState, loginOf } from '#identity/json.ts'
import { deleteKey, disableKey, enableKey, findKey, listKeys } from '#identity/keys.ts'
import type { KeyDetails } from '#identity/ports.ts'
import { parseDuration, parseInstant } from '#identity/times.ts'
import type { Command, CommandContext } from '../command.ts'
import { splitList } from '../parse.ts'
import { day, minute, scopeWords } from '../words.ts'

const KEY = { name: 'KEY', help: "the key's id or name" }

const create: Command = {
  path: 'key create',
  summary: 'issue a key; its value is shown once',
  details: `A user key acts as its user, at most with its scopes. A site key opens the whole site: for
automation that nothing narrower serves.

Scopes: presets full, files_only (default), read_only, upload_only, none; or single ones:
files.list files.read files.write files.copy files.rename files.delete files.purge
folders.read folders.write folders.purge text.share text.manage file.share file.manage
webdav.read webdav.manage sftp ftp s3 rest admin`,
  arguments: [{ name: 'NAME', help: 'what the key is called; not another key’s name' }],
  options: {
    user: { type: 'string', value: 'NAME', help: 'whose key it is (user keys)' },
    type: { type: 'string', value: 'TYPE', help: 'user (default) or site' },
    scopes: { type: 'string', value: 'A,B', help: 'what it may do at most' },
    'base-path': { type: 'string', value: 'PATH', help: 'folder outside of which it sees nothing' },
    expires: { type: 'string', value: 'WHEN', help: '12h, 30d, 4w, an ISO date, or never' },
    description: { type: 'string', value: 'TEXT', help: 'what it is for' },
    s3: { type: 'boolean', help: 'with an access key pair for S3 clients' },
  },
  examples: [
    'latchkey key create laptop --user anna',
    'latchkey key create backup --user anna --s3 --scopes files_only --expires 90d',
    'latchkey key create inbox --user anna --scopes upload_only --base-path /inbox --expires never',
    'latchkey key create automation --type site --expires 2027-01-31',
  ],
  async run(context) {
    const { identity, actor, text, flag, site, out } = context
    const input = {
      ...readOptions(context),
      name: context.args[0] ?? '',
      description: text('description'),
      basePath: text('base-path'),
      pair: flag('s3'),
    }
    const issued = await createKey(identity, actor, (await site()).id, input)
    const secrets: [string, string][] = [
      ['id', issued.key.id],
      ['login', loginOf(issued.key)],
      ['value', issued.value],
    ]
    if (issued.pair !== null) {
      secrets.push(
        ['access key id', issued.pair.accessKeyId],
        ['secret access key', issued.pair.secretAccessKey],
      )
    }
    out.result(
      issuedJson(issued, identity.clock.now()),
      `Key '${issued.key.name}' was made. Copy its secrets now: they are not shown again.`,
      [...secrets, ...limitFields(issued.key)],
    )
  },
}

const list: Command = {
  path: 'key list',
  summary: 'list the keys of a site',
  arguments: [],
  options: { user: { type: 'string', value: 'NAME', help: 'of this user only' } },
  examples: ['latchkey key list', 'latchkey key list --user anna --json'],
  async run({ identity, actor, text, site, out }) {
    const user = text('user')
    const all = await listKeys(identity, actor, (await site()).id)
    const keys = user === undefined ? all : all.filter(({ userName }) => userName === user)
    const now = identity.clock.now()
    out.list({
      values: keys.map((key) => keyJson(key, now)),
      columns: [
        { title: 'ID', whole: true },
        { title: 'NAME' },
        { title: 'USER' },
        { title: 'STATE' },
        { title: 'EXPIRES', whole: true },
        { title: 'LAST USE', whole: true },
        { title: 'BASE PATH' },
        { title: 'SCOPES' },
      ],
      rows: keys.map((key) => [
        key.id,
        key.name,
        key.userName ?? `(${key.type})`,
        keyState(key, now),
        key.expiresAt === null ? 'never' : day(key.expiresAt),
        day(lastUse(key)),
        key.basePath,
        scopeWords(key.scopes),
      ]),
      empty: "There is no key; 'latchkey key create NAME --user USER' makes one.",
    })
  },
}

const show: Command = {
  path: 'key show',
  summary: 'show one key; its value cannot be shown again',
  arguments: [KEY],
  options: {},
  examples: ['latchkey key show laptop', 'latchkey key show 1a2B3c4D --json'],
  async run(context) {
    const key = await keyOf(context)
    const now = context.identity.clock.now()
    context.out.result(keyJson(key, now), `Key '${key.name}'`, [
      ['id', key.id],
      ['login', loginOf(key)],
      ['state', keyState(key, now)],
      ['values', key.values.map(({ masked }) => masked).join(', ')],
      ['access key id', key.accessKeyId ?? '-'],
      ...limitFields(key),
      ['made', minute(key.createdAt, '-')],
      ['last use', minute(lastUse(key), 'never')],
      ['description', key.description === '' ? '-' : key.description],
    ])
  },
}

const disable: Command = {
  path: 'key disable',
  summary: 'stop a key and its sessions at once; it can be enabled again',
  arguments: [KEY],
  options: {},
  examples: ['latchkey key disable laptop'],
  async run(context) {
    const { identity, actor, out } = context
    const { siteId, id } = await keyOf(context)
    const key = await disableKey(identity, actor, siteId, id)
    out.result(
      keyJson(key, identity.clock.now()),
      `Key '${key.name}' is disabled; its sessions have stopped.`,
    )
  },
}

const enable: Command = {
  path: 'key enable',
  summary: 'let a disabled key work again',
  arguments: [KEY],
  options: {},
  examples: ['latchkey key enable laptop'],
  async run(context) {
    const { identity, actor, out } = context
    const { siteId, id } = await keyOf(context)
    const key = await enableKey(identity, actor, siteId, id)
    out.result(keyJson(key, identity.clock.now()), `Key '${key.name}' is enabled.`)
  },
}

const remove: Command = {
  path: 'key delete',
  summary: 'delete a key for good; the audit keeps what it did',
  arguments: [KEY],
  options: {},
  examples: ['latchkey key delete laptop'],
  async run(context) {
    const { identity, actor, out } = context
    const { siteId, id } = await keyOf(context)
    const key = await deleteKey(identity, actor, siteId, id)
    out.result({ id: key.id, name: key.name, deleted: true }, `Key '${key.name}' is deleted.`)
  },
}

async function keyOf({ identity, actor, args: [text = ''], site }: CommandContext): Promise<KeyDetails> {
  return findKey(identity, actor, (await site()).id, text)
}

function readOptions({ identity, text }: CommandContext) {
  const user = text('user')
  const scopes = text('scopes')
  return {
    type: readType(text('type') ?? 'user'),
    user: user === undefined ? undefined : { name: user },
    scopes: scopes === undefined ? undefined : splitList(scopes),
    expiresAt: readExpires(text('expires'), identity.clock.now()),
  }
}

function readType(text: string): 'site' | 'user' {
  if (text === 'site' || text === 'user') return text
  throw new Fault('invalid', `--type is user or site, not '${text}'`)
}

function readExpires(text: string | undefined, now: number): number | null | undefined {
  if (text === undefined) return undefined
  if (text === 'never') return null
  const lifetime = parseDuration(text)
  const at = lifetime === null ? parseInstant(text) : now + lifetime
  if (at === null)
    throw new Fault('invalid', `--expires is 12h, 30d, 4w, an ISO date, or never, not '${text}'`)
  return at
}

function limitFields(key: KeyDetails): [string, string][] {
  return [
    ['belongs to', key.userName ?? `the site ${key.siteName}`],
    ['scopes', scopeWords(key.scopes)],
    ['base path', key.basePath],
    ['expires', minute(key.expiresAt, 'never')],
  ]
}

function lastUse(key: KeyDetails): number | null {
  const uses = key.values.map(({ lastUsedAt }) => lastUsedAt).filter((at) => at !== null)
  return uses.length === 0 ? null : Math.max(...uses)
}

export const KEY_COMMANDS: readonly Command[] = [create, list, show, disable, enable, remove]
