import { type Static, Type } from 'typebox'
import { Fault } from '#faults'
import type { IdentityDeps } from '#identity/deps.ts'
import { userJson } from '#identity/json.ts'
import { deleteUser, moveUser } from '#identity/leave-site.ts'
import { createTicket } from '#identity/tickets.ts'
import { isoTime, parseInstant } from '#identity/times.ts'
import { addUser, getUser, listUsers, setPassword, type UserChanges, updateUser } from '#identity/users.ts'
import { actorOf } from '../access.ts'
import type { App } from '../app.ts'
import { conditionsIn } from '../conditions.ts'
import { onlyOne, readNamePage } from '../name-pages.ts'
import { siteNamed } from '../named-site.ts'
import { SECURITY } from '../openapi.ts'
import {
  IdSchema,
  LinkSchema,
  MoveSchema,
  NamedPageQuerySchema,
  NewUserSchema,
  PasswordSchema,
  UserChangesSchema,
  UserPageSchema,
  UserSchema,
} from '../people-schemas.ts'
import { REFUSALS } from '../schemas.ts'
import { changed, guarded, tagged } from '../versions.ts'

const COMMON = { tags: ['users'], security: SECURITY }
const ONE = { ...COMMON, params: IdSchema, response: { 200: UserSchema, ...REFUSALS } }
const DONE = { ...COMMON, params: IdSchema, response: { 204: Type.Null(), ...REFUSALS } }

/** `/api/v1/users`: for administrators of the site (REQUIREMENTS.md, K1 and U6). */
export function addUserRoutes(app: App, identity: IdentityDeps): void {
  addReading(app, identity)
  addChanging(app, identity)
  addLogin(app, identity)
  addLeaving(app, identity)
}

function addReading(app: App, identity: IdentityDeps): void {
  const list = {
    ...COMMON,
    summary: 'The users of the site by name, in pages',
    querystring: NamedPageQuerySchema,
    response: { 200: UserPageSchema, ...REFUSALS },
  }
  app.get('/api/v1/users', { schema: list }, async (request) => {
    const { actor, siteId } = actorOf(request)
    const { name } = request.query
    const page =
      name === undefined
        ? await readNamePage(request.query, (place) => listUsers(identity, actor, siteId, place))
        : await onlyOne(() => getUser(identity, actor, siteId, { name }))
    return { users: page.items.map(userJson), next_cursor: page.next }
  })
  app.get('/api/v1/users/:id', { schema: { ...ONE, summary: 'One user' } }, async (request, reply) => {
    const { actor, siteId } = actorOf(request)
    const read = () => getUser(identity, actor, siteId, request.params)
    return userJson(await tagged(identity, reply, refOf(request, siteId), read))
  })
}

function addChanging(app: App, identity: IdentityDeps): void {
  const create = {
    ...COMMON,
    summary: 'Make a user; a member unless the role says otherwise',
    body: NewUserSchema,
    response: { 201: UserSchema, ...REFUSALS },
  }
  app.post('/api/v1/users', { schema: create }, async (request, reply) => {
    const { actor, siteId } = actorOf(request)
    const { name, role = 'member' } = request.body
    const user = await addUser(identity, actor, siteId, { ...readChanges(request.body), name, role })
    reply.code(201).header('Location', `/api/v1/users/${user.id}`)
    return userJson(user)
  })
  const update = { ...ONE, summary: 'Change what is named, leave the rest', body: UserChangesSchema }
  app.patch('/api/v1/users/:id', { schema: update }, async (request, reply) => {
    const { actor, siteId } = actorOf(request)
    const ref = refOf(request, siteId)
    const deps = await guarded(identity, request, ref)
    const done = await updateUser(deps, actor, siteId, request.params, readChanges(request.body))
    const read = () => getUser(identity, actor, siteId, request.params)
    return userJson(await changed(identity, reply, ref, { read, done }))
  })
}

function addLogin(app: App, identity: IdentityDeps): void {
  const password = { ...DONE, summary: 'Give the user a password', body: PasswordSchema }
  app.put('/api/v1/users/:id/password', { schema: password }, async (request, reply) => {
    const { actor, siteId } = actorOf(request)
    const deps = await guarded(identity, request, refOf(request, siteId))
    await setPassword(deps, actor, siteId, request.params, request.body.password)
    return reply.code(204).send(null)
  })
  const link = {
    ...COMMON,
    summary: 'Make a one-time link with which the user chooses a password',
    params: IdSchema,
    response: { 201: LinkSchema, ...REFUSALS },
  }
  app.post('/api/v1/users/:id/link', { schema: link }, async (request, reply) => {
    const { actor, siteId } = actorOf(request)
    const { ticket, expiresAt } = await createTicket(identity, actor, siteId, request.params)
    reply.code(201)
    return { path: `/start/${ticket}`, expires_at: isoTime(expiresAt) }
  })
}

function addLeaving(app: App, identity: IdentityDeps): void {
  const move = {
    ...ONE,
    summary: 'Move the user to another site; keys, grants and groups are left behind',
    body: MoveSchema,
  }
  app.post('/api/v1/users/:id/move', { schema: move }, async (request) => {
    const { actor, siteId } = actorOf(request)
    const { to, role } = request.body
    const site = await siteNamed(identity, request, to)
    const { user } = await moveUser(identity, actor, siteId, request.params, { siteId: site.id, role })
    return userJson(user)
  })
  const remove = { ...DONE, summary: 'Delete a user; its keys and sessions stop at once' }
  app.delete('/api/v1/users/:id', { schema: remove }, async (request, reply) => {
    const { actor, siteId } = actorOf(request)
    const deps = await guarded(identity, request, refOf(request, siteId))
    await deleteUser(deps, actor, siteId, request.params)
    return reply.code(204).send(null)
  })
}

function refOf({ params }: { readonly params: { readonly id: string } }, siteId: string) {
  return { kind: 'user', siteId, id: params.id } as const
}

function readChanges(body: Static<typeof UserChangesSchema>): UserChanges {
  const { home_folder, expires_at, conditions, ...rest } = body
  return {
    ...rest,
    homeFolder: home_folder,
    expiresAt: readExpiry(expires_at),
    conditions: conditionsIn(conditions),
  }
}

function readExpiry(text: string | null | undefined): number | null | undefined {
  if (text === undefined || text === null) return text
  const at = parseInstant(text)
  if (at === null) throw new Fault('invalid', 'expires_at is an ISO 8601 time with a time zone, or null')
  return at
}
