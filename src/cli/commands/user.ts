import { userJson } from '#identity/json.ts'
import type { UserDetails } from '#identity/ports.ts'
import type { Command } from '../command.ts'
import { conditionFields } from '../conditions.ts'
import { FORCE, needChange, readUserOptions, USER_OPTIONS } from '../people-options.ts'
import { addUser, disableUser, enableUser, getUser, listUsers, updateUser } from '../use-cases.ts'
import { day, minute } from '../words.ts'

export const NAME = { name: 'NAME', help: 'the user’s name' }

const add: Command = {
  path: 'user add',
  summary: 'make a user that keys can belong to',
  details: `A member (unless --role says otherwise) reaches only the folders of its grants. An administrator
reaches all of the site's files and may manage the site with a key that has the scope admin.`,
  arguments: [NAME],
  options: USER_OPTIONS,
  examples: [
    'latchkey user add anna',
    'latchkey user add root --role administrator',
    'latchkey user add printer --door ftp --allow 10.0.5.0/24 --expires 2027-12-31',
  ],
  async run(context) {
    const { identity, actor, args, site, out } = context
    const options = readUserOptions(context)
    const input = { ...options, name: args[0] ?? '', role: options.role ?? 'member' }
    const user = await addUser(identity, actor, (await site()).id, input)
    const grant = `latchkey grant add --user '${user.name}' --path / --rights full`
    const key = `latchkey key create laptop --user '${user.name}'`
    const next = user.role === 'member' ? grant : key
    out.result(userJson(user), `User '${user.name}' (${user.role}) was made.\nNext: ${next}`)
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
    const now = identity.clock.now()
    out.list({
      values: users.map(userJson),
      columns: [
        { title: 'ID', whole: true },
        { title: 'NAME' },
        { title: 'ROLE' },
        { title: 'STATE' },
        { title: 'EXPIRES', whole: true },
        { title: 'E-MAIL' },
        { title: 'MADE' },
      ],
      rows: users.map((user) => [
        user.id,
        user.name,
        user.role,
        stateOf(user, now),
        user.expiresAt === null ? 'never' : day(user.expiresAt),
        user.email ?? '-',
        day(user.createdAt),
      ]),
      empty: "There is no user yet; 'latchkey user add NAME' makes one.",
    })
  },
}

const show: Command = {
  path: 'user show',
  summary: 'show one user',
  arguments: [NAME],
  options: {},
  examples: ['latchkey user show anna'],
  async run({ identity, actor, args: [name = ''], site, out }) {
    const user = await getUser(identity, actor, (await site()).id, { name })
    out.result(userJson(user), `User '${user.name}'`, [
      ['id', user.id],
      ['role', user.role],
      ['state', stateOf(user, identity.clock.now())],
      ['e-mail', user.email ?? '-'],
      ['home folder', user.homeFolder],
      ['password', user.hasPassword ? 'yes' : 'no'],
      ...conditionFields(user.conditions),
      ['made', minute(user.createdAt, '-')],
      ['expires', minute(user.expiresAt, 'never')],
    ])
  },
}

const CHANGES = { name: { type: 'string', value: 'NAME', help: 'another name' }, ...USER_OPTIONS } as const

const set: Command = {
  path: 'user set',
  summary: 'change a user; what is not named stays',
  details: `What takes something away cuts the sessions that rest on it. The last administrator of a site stays
one unless --force says otherwise.`,
  arguments: [NAME],
  options: { ...CHANGES, force: FORCE },
  examples: [
    'latchkey user set anna --role administrator',
    'latchkey user set anna --name ann --email ann@example.org --home /team/ann',
    "latchkey user set printer --window 'mon-fri 06:00-20:00 Europe/Berlin'",
  ],
  async run(context) {
    const { identity, actor, args, text, flag, site, out } = context
    needChange(context, CHANGES)
    const changes = { ...readUserOptions(context), name: text('name'), force: flag('force') }
    const user = await updateUser(identity, actor, (await site()).id, { name: args[0] ?? '' }, changes)
    out.result(userJson(user), `User '${user.name}' was changed.`)
  },
}

const disable: Command = {
  path: 'user disable',
  summary: 'stop all keys and sessions of a user at once',
  arguments: [NAME],
  options: { force: FORCE },
  examples: ['latchkey user disable anna'],
  async run({ identity, actor, args: [name = ''], flag, site, out }) {
    const force = { force: flag('force') }
    const user = await disableUser(identity, actor, (await site()).id, { name }, force)
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

function stateOf(user: UserDetails, now: number): string {
  if (!user.enabled) return 'disabled'
  return user.expiresAt !== null && now >= user.expiresAt ? 'expired' : 'active'
}

export const USER_COMMANDS: readonly Command[] = [add, list, show, set, disable, enable]
