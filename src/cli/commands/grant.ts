import type { HolderRef } from '#identity/grants.ts'
import { namedGrantJson } from '#identity/json.ts'
import type { NamedGrant } from '#identity/ports.ts'
import type { Command, Typed } from '../command.ts'
import { splitList } from '../parse.ts'
import { addGrant, listGrants, removeGrant } from '../use-cases.ts'
import { rightWords } from '../words.ts'

const add: Command = {
  path: 'grant add',
  summary: 'let a user or a group into a folder',
  details: `Rights are a level (full, readonly, writeonly, list, history, admin) or any of
list, read, write, delete, share, history, admin, with commas between them.`,
  arguments: [],
  options: {
    user: { type: 'string', value: 'NAME', help: 'who may go there' },
    group: { type: 'string', value: 'NAME', help: 'whose members may go there, instead of --user' },
    path: { type: 'string', value: 'PATH', help: 'the folder, such as /photos', required: true },
    rights: { type: 'string', value: 'RIGHTS', help: 'what they may do there', required: true },
    'no-recursive': { type: 'boolean', help: 'not in the folders below it' },
  },
  examples: [
    'latchkey grant add --user anna --path /photos --rights full',
    'latchkey grant add --user anna --path /inbox --rights list,write --no-recursive',
    'latchkey grant add --group staff --path /team --rights full',
  ],
  async run({ identity, actor, text, flag, site, out }) {
    const input = {
      ...holderOf(text),
      path: text('path') ?? '',
      rights: splitList(text('rights') ?? ''),
      recursive: !flag('no-recursive'),
    }
    const grant = await addGrant(identity, actor, (await site()).id, input)
    const reach = grant.recursive ? ' and below' : ''
    out.result(
      namedGrantJson(grant),
      `${holderWords(grant)} has ${rightWords(grant.rights)} on ${grant.path}${reach} (grant ${grant.id}).`,
    )
  },
}

const list: Command = {
  path: 'grant list',
  summary: 'list who may go where',
  arguments: [],
  options: {
    user: { type: 'string', value: 'NAME', help: 'of this user only, without those of groups' },
    group: { type: 'string', value: 'NAME', help: 'of this group only' },
  },
  examples: ['latchkey grant list', 'latchkey grant list --user anna', 'latchkey grant list --group staff'],
  async run({ identity, actor, text, site, out }) {
    const found = await listGrants(identity, actor, (await site()).id, holderOf(text))
    const order = (grant: NamedGrant) => `${grant.userName ?? ''}\0${grant.groupName ?? ''}\0${grant.path}`
    const grants = found.toSorted((a, b) => (order(a) < order(b) ? -1 : 1))
    out.list({
      values: grants.map(namedGrantJson),
      columns: [
        { title: 'ID', whole: true },
        { title: 'WHO' },
        { title: 'PATH' },
        { title: 'RIGHTS' },
        { title: 'BELOW' },
      ],
      rows: grants.map((grant) => [
        grant.id,
        grant.userName ?? `(${grant.groupName})`,
        grant.path,
        rightWords(grant.rights),
        grant.recursive ? 'yes' : 'no',
      ]),
      empty: 'There is no grant. Administrators need none; members reach nothing without.',
    })
  },
}

const remove: Command = {
  path: 'grant remove',
  summary: 'take a grant away; sessions that rest on it are cut',
  arguments: [{ name: 'ID', help: "the grant's id, as 'latchkey grant list' shows it" }],
  options: {},
  examples: ['latchkey grant remove 4fGh9Kq2LmZx'],
  async run({ identity, actor, args: [id = ''], site, out }) {
    await removeGrant(identity, actor, (await site()).id, id)
    out.result({ id, removed: true }, `Grant ${id} is gone.`)
  },
}

function holderOf(text: Typed['text']): HolderRef {
  const [user, group] = [text('user'), text('group')]
  return {
    user: user === undefined ? user : { name: user },
    group: group === undefined ? group : { name: group },
  }
}

function holderWords({ userName, groupName }: NamedGrant): string {
  return userName === null ? `Group '${groupName}'` : `'${userName}'`
}

export const GRANT_COMMANDS: readonly Command[] = [add, list, remove]
