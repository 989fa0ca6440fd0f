import { Fault } from '#faults'
import { userJson } from '#identity/json.ts'
import { createTicket } from '#identity/tickets.ts'
import { isoTime } from '#identity/times.ts'
import { addUser, disableUser, enableUser, listUsers } from '#identity/users.ts'
import type { Role } from '#permissions/principal.ts'
import type { Command } from '../command.ts'
import { day, minute } from '../words.ts'

const NAME = { name: 'NAME', help: 'the user’s name' }

const add: Command = {
  path: 'user add',
  summary: 'make a user that keys can belong to',
  details: `A member reaches only the folders of its grants. An administrator reaches all of the site's
files and may manage the site with a key that has the scope admin.`,
  arguments: [NAME],
  options: { role: { type: 'string', value: 'ROLE', help: 'member (default) or administrator' } },
  examples: ['latchkey user add anna', 'latchkey user add root --role administrator'],
  async run({ identity, actor, args: [name = ''], text, site, out }) {
    const role = readRole(text('role') ?? 'member')
    const user = await addUser(identity, actor, (await site()).id, { name, role })
    const grant = `latchkey grant add --user '${user.name}' --path / --rights full`
    const key = `latchkey key create laptop --user '${user.name}'`
    const next = role === 'member' ? grant : key
    out.result(userJson(user), `User '${user.name}' (${role}) was made.\nNext: ${next}`)
  },
}

const list: Command = {
  path: 'user list',
  summary: 'list the users of a site',
  arguments: [],
  options: {},
  examples: ['latchkey user list', 'latchkey user list --site acme --json'],
  async run({ identity, actor, site, out }) {
    const users = await listUsers(identity, actor, (await site()).id)
    out.list({
      values: users.map(userJson),
      columns: [
        { title: 'ID', whole: true },
        { title: 'NAME' },
        { title: 'ROLE' },
        { title: 'STATE' },
        { title: 'MADE' },
      ],
      rows: users.map((user) => [
        user.id,
        user.name,
        user.role,
        user.enabled ? 'active' : 'disabled',
        day(user.createdAt),
      ]),
      empty: "There is no user yet; 'latchkey user add NAME' makes one.",
    })
  },
}

const disable: Command = {
  path: 'user disable',
  summary: 'stop all keys and sessions of a user at once',
  arguments: [NAME],
  options: {},
  examples: ['latchkey user disable anna'],
  async run({ identity, actor, args: [name = ''], site, out }) {
    const user = await disableUser(identity, actor, (await site()).id, { name })
    out.result(userJson(user), `User '${user.name}' is disabled; its keys and sessions have stopped.`)
  },
}

const enable: Command = {
  path: 'user enable',
  summary: 'let the keys of a disabled user work again',
  arguments: [NAME],
  options: {},
  examples: ['latchkey user enable anna'],
  async run({ identity, actor, args: [name = ''], site, out }) {
    const user = await enableUser(identity, actor, (await site()).id, { name })
    out.result(userJson(user), `User '${user.name}' is enabled.`)
  },
}

const link: Command = {
  path: 'user link',
  summary: 'make a one-time link with which a user chooses a password',
  details: 'The link works once, for 24 hours, at the address of the REST door.',
  arguments: [NAME],
  options: {},
  examples: ['latchkey user link anna'],
  async run({ identity, actor, args: [name = ''], site, out }) {
    const { ticket, userName, expiresAt } = await createTicket(identity, actor, (await site()).id, { name })
    const path = `/start/${ticket}`
    out.result(
      { user: userName, path, expires_at: isoTime(expiresAt) },
      `One-time link for '${userName}', until ${minute(expiresAt, 'never')}: at the REST door’s address, open\n\n  ${path}`,
    )
  },
}

function readRole(text: string): Role {
  if (text === 'administrator' || text === 'member') return text
  throw new Fault('invalid', `--role is member or administrator, not '${text}'`)
}

export const USER_COMMANDS: readonly Command[] = [add, list, disable, enable, link]
