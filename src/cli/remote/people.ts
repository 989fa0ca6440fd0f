import { Fault } from '#faults'
import type { HolderRef } from '#identity/grants.ts'
import type { GroupRef } from '#identity/groups.ts'
import type { GroupDetails, NamedGrant, UserDetails } from '#identity/ports.ts'
import type { UserChanges, UserInput, UserRef } from '#identity/users.ts'
import {
  GrantPageSchema,
  GrantSchema,
  GroupPageSchema,
  GroupSchema,
  LinkSchema,
  MemberPageSchema,
  UserPageSchema,
  UserSchema,
} from '#protocols/rest/people-schemas.ts'
import type { Connection } from './connection.ts'
import { grantOf, groupOf, userOf } from './read.ts'
import { conditionsBody, timeBody } from './write.ts'

const users = '/api/v1/users'
const groups = '/api/v1/groups'

export async function findUser(api: Connection, site: string, ref: UserRef): Promise<UserDetails> {
  if ('id' in ref) return userOf(site, await api.json(UserSchema, `${users}/${ref.id}`, { site }))
  const { name } = ref
  const found = await api.json(UserPageSchema, users, { site, query: { name } })
  const [user] = found.users
  if (user === undefined) throw new Fault('not_found', `this site has no user '${name}'`)
  return userOf(site, user)
}

export function listUsers(api: Connection, site: string): Promise<UserDetails[]> {
  return api.page(
    {
      idOf: ({ id }) => id,
      async read(query) {
        const page = await api.json(UserPageSchema, users, { site, query })
        return { items: page.users.map((user) => userOf(site, user)), next: page.next_cursor }
      },
    },
    {},
  )
}

export async function addUser(api: Connection, site: string, input: UserInput): Promise<UserDetails> {
  return userOf(site, await api.json(UserSchema, users, { method: 'POST', site, body: userBody(input) }))
}

export async function updateUser(
  api: Connection,
  site: string,
  ref: UserRef,
  changes: UserChanges,
): Promise<UserDetails> {
  const { id } = await findUser(api, site, ref)
  const call = { method: 'PATCH', site, body: userBody(changes) } as const
  return userOf(site, await api.json(UserSchema, `${users}/${id}`, call))
}

function userBody({ homeFolder, expiresAt, conditions, name, role, enabled, email }: UserChanges) {
  const when = timeBody(expiresAt)
  return {
    ...{ name, role, enabled, email, home_folder: homeFolder, expires_at: when },
    conditions: conditionsBody(conditions),
  }
}

export async function deleteUser(api: Connection, site: string, ref: UserRef) {
  const { id } = await findUser(api, site, ref)
  await api.done(`${users}/${id}`, { method: 'DELETE', site })
  return { id }
}

export async function moveUser(
  api: Connection,
  site: string,
  ref: UserRef,
  to: { readonly siteId: string; readonly role?: string | undefined },
) {
  const { id } = await findUser(api, site, ref)
  const call = { method: 'POST', site, body: { to: to.siteId, role: to.role } } as const
  return { user: userOf(to.siteId, await api.json(UserSchema, `${users}/${id}/move`, call)) }
}

export async function setPassword(api: Connection, site: string, ref: UserRef, password: string) {
  const { id } = await findUser(api, site, ref)
  await api.done(`${users}/${id}/password`, { method: 'PUT', site, body: { password } })
  return findUser(api, site, { id })
}

export async function createTicket(api: Connection, site: string, ref: UserRef) {
  const { id, name } = await findUser(api, site, ref)
  const link = await api.json(LinkSchema, `${users}/${id}/link`, { method: 'POST', site })
  const ticket = link.path.slice(link.path.lastIndexOf('/') + 1)
  return { ticket, userName: name, expiresAt: Date.parse(link.expires_at) }
}

export async function findGroup(api: Connection, site: string, ref: GroupRef): Promise<GroupDetails> {
  if ('id' in ref) return groupOf(site, await api.json(GroupSchema, `${groups}/${ref.id}`, { site }))
  const { name } = ref
  const found = await api.json(GroupPageSchema, groups, { site, query: { name } })
  const [group] = found.groups
  if (group === undefined) throw new Fault('not_found', `this site has no group '${name}'`)
  return groupOf(site, group)
}

export function listGroups(api: Connection, site: string): Promise<GroupDetails[]> {
  return api.page(
    {
      idOf: ({ id }) => id,
      async read(query) {
        const page = await api.json(GroupPageSchema, groups, { site, query })
        return { items: page.groups.map((group) => groupOf(site, group)), next: page.next_cursor }
      },
    },
    {},
  )
}

export async function addGroup(api: Connection, site: string, name: string): Promise<GroupDetails> {
  return groupOf(site, await api.json(GroupSchema, groups, { method: 'POST', site, body: { name } }))
}

export async function deleteGroup(api: Connection, site: string, ref: GroupRef): Promise<GroupDetails> {
  const group = await findGroup(api, site, ref)
  await api.done(`${groups}/${group.id}`, { method: 'DELETE', site })
  return group
}

export async function listMembers(api: Connection, site: string, ref: GroupRef): Promise<UserDetails[]> {
  const { id } = await findGroup(api, site, ref)
  const members = await api.page<{ readonly id: string }>(
    {
      idOf: (member) => member.id,
      async read(query) {
        const page = await api.json(MemberPageSchema, `${groups}/${id}/members`, { site, query })
        return { items: page.members, next: page.next_cursor }
      },
    },
    {},
  )
  return Promise.all(members.map((member) => findUser(api, site, { id: member.id })))
}

export function membership(method: 'PUT' | 'DELETE') {
  return async (
    api: Connection,
    site: string,
    pair: { readonly group: GroupRef; readonly user: UserRef },
  ) => {
    const group = await findGroup(api, site, pair.group)
    const user = await findUser(api, site, pair.user)
    await api.done(`${groups}/${group.id}/members/${user.id}`, { method, site })
    return { group, user }
  }
}

export async function addGrant(
  api: Connection,
  site: string,
  input: HolderRef & {
    readonly path: string
    readonly rights: readonly string[]
    readonly recursive?: boolean | undefined
  },
): Promise<NamedGrant> {
  const { path, rights, recursive } = input
  const body = { ...holderBody(input), path, rights, recursive }
  return grantOf(site, await api.json(GrantSchema, '/api/v1/grants', { method: 'POST', site, body }))
}

function holderBody({ user, group }: HolderRef) {
  return {
    ...(user && ('id' in user ? { user_id: user.id } : { user: user.name })),
    ...(group && ('id' in group ? { group_id: group.id } : { group: group.name })),
  }
}

export async function listGrants(api: Connection, site: string, { user, group }: HolderRef = {}) {
  const holder = {
    ...(user && { user_id: (await findUser(api, site, user)).id }),
    ...(group && { group_id: (await findGroup(api, site, group)).id }),
  }
  return api.page<NamedGrant>(
    {
      idOf: ({ id }) => id,
      async read(query) {
        const page = await api.json(GrantPageSchema, '/api/v1/grants', {
          site,
          query: { ...query, ...holder },
        })
        return { items: page.grants.map((grant) => grantOf(site, grant)), next: page.next_cursor }
      },
    },
    {},
  )
}

export async function removeGrant(api: Connection, site: string, id: string): Promise<void> {
  await api.done(`/api/v1/grants/${encodeURIComponent(id)}`, { method: 'DELETE', site })
}
