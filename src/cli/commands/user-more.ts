import { userJson } from '#identity/json.ts'
import { isoTime } from '#identity/times.ts'
import type { Command } from '../command.ts'
import { FORCE, readRole } from '../people-options.ts'
import { findSite } from '../sites.ts'
import { createTicket, deleteUser, moveUser, setPassword } from '../use-cases.ts'
import { minute } from '../words.ts'
import { NAME } from './user.ts'

const remove: Command = {
  path: 'user delete',
  summary: 'delete a user; its keys and sessions stop at once',
  details: 'Its files stay. The audit keeps what the user did, under the name of that time.',
  arguments: [NAME],
  options: { force: FORCE },
  examples: ['latchkey user delete anna'],
  async run({ identity, actor, args: [name = ''], flag, site, out }) {
    const force = { force: flag('force') }
    const { id } = await deleteUser(identity, actor, (await site()).id, { name }, force)
    out.result({ id, name, deleted: true }, `User '${name}' is gone; its keys and sessions have stopped.`)
  },
}

const move: Command = {
  path: 'user move',
  summary: 'move a user to another site; its keys stay behind and open nothing',
  details: `Grants and groups are the old site's and are left there. The user arrives as a member unless
--role says otherwise, and needs new keys.`,
  arguments: [NAME],
  options: {
    to: { type: 'string', value: 'SITE', help: 'the site to move to', required: true },
    role: { type: 'string', value: 'ROLE', help: 'member (default) or administrator' },
    force: FORCE,
  },
  examples: ['latchkey user move anna --to acme', 'latchkey user move anna --site acme --to main'],
  async run({ identity, actor, args: [name = ''], text, flag, site, out }) {
    const target = await findSite(identity, actor, text('to'))
    const role = text('role')
    const to = {
      siteId: target.id,
      role: role === undefined ? undefined : readRole(role),
      force: flag('force'),
    }
    const { user } = await moveUser(identity, actor, (await site()).id, { name }, to)
    const moved = `User '${user.name}' is on '${target.name}' now, as ${user.role}; its keys open nothing more.`
    const next = `Next: latchkey key create laptop --user '${user.name}' --site '${target.name}'`
    out.result({ ...userJson(user), site: { id: target.id, name: target.name } }, `${moved}\n${next}`)
  },
}

const password: Command = {
  path: 'user password',
  summary: 'give a user a password, read from standard input',
  details: `For a login with the user's own name where the site allows that. Rather let users choose for
themselves: 'latchkey user link NAME' makes a one-time link for that.`,
  arguments: [NAME],
  options: {},
  examples: ['latchkey user password anna < password.txt', 'latchkey user password anna'],
  async run({ identity, actor, args: [name = ''], stdin, site, out }) {
    const { id } = await site()
    const user = await setPassword(identity, actor, id, { name }, await stdin())
    out.result(userJson(user), `User '${user.name}' has a new password.`)
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
    const until = minute(expiresAt, 'never')
    out.result(
      { user: userName, path, expires_at: isoTime(expiresAt) },
      `One-time link for '${userName}', until ${until}: at the REST door’s address, open\n\n  ${path}`,
    )
  },
}

export const USER_MORE_COMMANDS: readonly Command[] = [remove, move, password, link]
