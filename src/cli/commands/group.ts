import { groupJson } from '#identity/json.ts'
import type { Command, CommandContext } from '../command.ts'
import { addGroup, deleteGroup, joinGroup, leaveGroup, listGroups, listMembers } from '../use-cases.ts'
import { day } from '../words.ts'

const GROUP = { name: 'GROUP', help: 'the group’s name' }
const USER = { name: 'USER', help: 'the user’s name' }

const add: Command = {
  path: 'group add',
  summary: 'make a group: users who share grants',
  arguments: [GROUP],
  options: {},
  examples: ['latchkey group add staff'],
  async run({ identity, actor, args: [name = ''], site, out }) {
    const group = await addGroup(identity, actor, (await site()).id, name)
    const next = `latchkey group join '${name}' anna; latchkey grant add --group '${name}' --path /team --rights full`
    out.result(groupJson(group), `Group '${name}' was made.\nNext: ${next}`)
  },
}

const list: Command = {
  path: 'group list',
  summary: 'list the groups of a site, or the members of one',
  arguments: [],
  options: { members: { type: 'string', value: 'GROUP', help: 'list who is in this group' } },
  examples: ['latchkey group list', 'latchkey group list --members staff'],
  async run(context) {
    const group = context.text('members')
    if (group !== undefined) return printMembers(context, group)
    const { identity, actor, site, out } = context
    const groups = await listGroups(identity, actor, (await site()).id)
    out.list({
      values: groups.map(groupJson),
      columns: [{ title: 'ID', whole: true }, { title: 'NAME' }, { title: 'MADE' }],
      rows: groups.map(({ id, name, createdAt }) => [id, name, day(createdAt)]),
      empty: "There is no group yet; 'latchkey group add NAME' makes one.",
    })
  },
}

const remove: Command = {
  path: 'group delete',
  summary: 'delete a group and its grants; sessions that rest on them are cut',
  arguments: [GROUP],
  options: {},
  examples: ['latchkey group delete staff'],
  async run({ identity, actor, args: [name = ''], site, out }) {
    const group = await deleteGroup(identity, actor, (await site()).id, { name })
    out.result({ ...groupJson(group), deleted: true }, `Group '${name}' is gone; its members stay.`)
  },
}

const join: Command = {
  path: 'group join',
  summary: 'make a user a member of a group',
  arguments: [GROUP, USER],
  options: {},
  examples: ['latchkey group join staff anna'],
  run: (context) => changeMembership(context, joinGroup, 'is in'),
}

const leave: Command = {
  path: 'group leave',
  summary: 'take a user out of a group; sessions that rest on its grants are cut',
  arguments: [GROUP, USER],
  options: {},
  examples: ['latchkey group leave staff anna'],
  run: (context) => changeMembership(context, leaveGroup, 'is no longer in'),
}

async function changeMembership(
  { identity, actor, args: [groupName = '', userName = ''], site, out }: CommandContext,
  change: typeof joinGroup,
  words: string,
): Promise<void> {
  const pair = { group: { name: groupName }, user: { name: userName } }
  const { group, user } = await change(identity, actor, (await site()).id, pair)
  const value = { group: groupJson(group), user: { id: user.id, name: user.name } }
  out.result(value, `'${user.name}' ${words} '${group.name}'.`)
}

async function printMembers({ identity, actor, site, out }: CommandContext, name: string): Promise<void> {
  const members = await listMembers(identity, actor, (await site()).id, { name })
  out.list({
    values: members.map((user) => ({ id: user.id, name: user.name })),
    columns: [{ title: 'ID', whole: true }, { title: 'NAME' }, { title: 'ROLE' }],
    rows: members.map((user) => [user.id, user.name, user.role]),
    empty: `Nobody is in '${name}'; 'latchkey group join' adds users.`,
  })
}

export const GROUP_COMMANDS: readonly Command[] = [add, list, remove, join, leave]
