import { Fault } from '#faults'
import { cleanExpiredKeys } from '#identity/clean-keys.ts'
import { keyJson, keyState, loginOf } from '#identity/json.ts'
import type { KeyListing } from '#identity/keys.ts'
import type { KeyDetails, UseDetails } from '#identity/ports.ts'
import type { Command, CommandContext } from '../command.ts'
import { KEY, limitFields, namedKey } from '../key-options.ts'
import { deleteKey, disableKey, enableKey, listKeys } from '../use-cases.ts'
import { day, minute, scopeWords } from '../words.ts'

const PAGE = 500

const list: Command = {
  path: 'key list',
  summary: 'list the keys of a site',
  arguments: [],
  options: {
    user: { type: 'string', value: 'NAME', help: 'of this user only' },
    type: { type: 'string', value: 'TYPE', help: 'user, site or guest' },
    state: { type: 'string', value: 'STATE', help: 'active, disabled or expired' },
  },
  examples: [
    'latchkey key list',
    'latchkey key list --user anna --json',
    'latchkey key list --state expired',
  ],
  async run(context) {
    const { identity, text, out } = context
    const user = text('user')
    const keys = await allKeys(context, {
      user: user === undefined ? undefined : { name: user },
      type: oneOf('type', ['user', 'site', 'guest'], text('type')),
      state: oneOf('state', ['active', 'disabled', 'expired'], text('state')),
    })
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
    const key = await namedKey(context)
    const now = context.identity.clock.now()
    context.out.result(keyJson(key, now), `Key '${key.name}'`, [
      ['id', key.id],
      ['login', loginOf(key)],
      ['state', keyState(key, now)],
      ...valueFields(key),
      ['access key id', key.pairUse === null ? '-' : `${key.accessKeyId}, ${useWords(key.pairUse)}`],
      ...limitFields(key),
      ['made', minute(key.createdAt, '-')],
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
    const { siteId, id } = await namedKey(context)
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
    const { siteId, id } = await namedKey(context)
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
    const { siteId, id } = await namedKey(context)
    const key = await deleteKey(identity, actor, siteId, id)
    out.result({ id: key.id, name: key.name, deleted: true }, `Key '${key.name}' is deleted.`)
  },
}

const cleanup: Command = {
  path: 'key cleanup',
  summary: 'remove keys that expired longer ago than their site keeps them',
  details: 'The server does this hourly. The audit keeps what the keys did.',
  arguments: [],
  options: {},
  examples: ['latchkey key cleanup'],
  async run({ identity, out }) {
    const removed = await cleanExpiredKeys(identity)
    out.result({ removed }, removed === 1 ? '1 key was removed.' : `${removed} keys were removed.`)
  },
}

async function allKeys({ identity, actor, site }: CommandContext, listing: KeyListing) {
  const { id } = await site()
  const keys: KeyDetails[] = []
  for (;;) {
    const page = await listKeys(identity, actor, id, { ...listing, after: keys.at(-1), limit: PAGE })
    keys.push(...page)
    if (page.length < PAGE) return keys
  }
}

function oneOf<Word extends string>(
  option: string,
  words: readonly Word[],
  text: string | undefined,
): Word | undefined {
  const word = words.find((one) => one === text)
  if (text !== undefined && word === undefined) {
    throw new Fault('invalid', `--${option} is ${words.join(' or ')}, not '${text}'`)
  }
  return word
}

/** One line for each value: when it stops, and its own last use (REQUIREMENTS.md, K9). */
function valueFields(key: KeyDetails): [string, string][] {
  return key.values.map((value) => {
    const stops = value.stopsAt === null ? '' : `, stops ${minute(value.stopsAt, '')}`
    return ['value', `${value.masked}, ${useWords(value)}${stops}`]
  })
}

function useWords({ lastUsedAt, lastUsedAddress, lastUsedDoor }: UseDetails): string {
  const where = lastUsedAt === null ? '' : ` over ${lastUsedDoor} from ${lastUsedAddress}`
  return `last use ${minute(lastUsedAt, 'never')}${where}`
}

function lastUse(key: KeyDetails): number | null {
  const uses = [...key.values, key.pairUse].map((use) => use?.lastUsedAt ?? null).filter((at) => at !== null)
  return uses.length === 0 ? null : Math.max(...uses)
}

export const KEY_COMMANDS: readonly Command[] = [list, show, disable, enable, remove, cleanup]
