import { Type } from 'typebox'
import type { IdentityDeps } from '#identity/deps.ts'
import {
  addGroup,
  deleteGroup,
  getGroup,
  joinGroup,
  leaveGroup,
  listGroups,
  listMembers,
  renameGroup,
} from '#identity/groups.ts'
import { groupJson } from '#identity/json.ts'
import { actorOf } from '../access.ts'
import type { App } from '../app.ts'
import { onlyOne, readNamePage } from '../name-pages.ts'
import { SECURITY } from '../openapi.ts'
import {
  GroupNameSchema,
  GroupPageSchema,
  GroupSchema,
  IdSchema,
  MemberPageSchema,
  MembershipSchema,
  NamedPageQuerySchema,
  PageQuerySchema,
} from '../people-schemas.ts'
import { REFUSALS } from '../schemas.ts'
import { changed, guarded, tagged } from '../versions.ts'

const COMMON = { tags: ['groups'], security: SECURITY }
const ONE = { ...COMMON, params: IdSchema, response: { 200: GroupSchema, ...REFUSALS } }
const DONE = { ...COMMON, response: { 204: Type.Null(), ...REFUSALS } }

/** `/api/v1/groups`: users gathered to receive grants (REQUIREMENTS.md, U1). */
export function addGroupRoutes(app: App, identity: IdentityDeps): void {
  addReading(app, identity)
  addChanging(app, identity)
  addMembers(app, identity)
}

function addReading(app: App, identity: IdentityDeps): void {
  const list = {
    ...COMMON,
    summary: 'The groups of the site by name, in pages',
    querystring: NamedPageQuerySchema,
    response: { 200: GroupPageSchema, ...REFUSALS },
  }
  app.get('/api/v1/groups', { schema: list }, async (request) => {
    const { actor, siteId } = actorOf(request)
    const { name } = request.query
    const page =
      name === undefined
        ? await readNamePage(request.query, (place) => listGroups(identity, actor, siteId, place))
        : await onlyOne(() => getGroup(identity, actor, siteId, { name }))
    return { groups: page.items.map(groupJson), next_cursor: page.next }
  })
  app.get('/api/v1/groups/:id', { schema: { ...ONE, summary: 'One group' } }, async (request, reply) => {
    const { actor, siteId } = actorOf(request)
    const read = () => getGroup(identity, actor, siteId, request.params)
    return groupJson(await tagged(identity, reply, refOf(request, siteId), read))
  })
}

function addChanging(app: App, identity: IdentityDeps): void {
  const create = {
    ...COMMON,
    summary: 'Make a group',
    body: GroupNameSchema,
    response: { 201: GroupSchema, ...REFUSALS },
  }
  app.post('/api/v1/groups', { schema: create }, async (request, reply) => {
    const { actor, siteId } = actorOf(request)
    const group = await addGroup(identity, actor, siteId, request.body.name)
    reply.code(201).header('Location', `/api/v1/groups/${group.id}`)
    return groupJson(group)
  })
  const rename = { ...ONE, summary: 'Give the group another name', body: GroupNameSchema }
  app.patch('/api/v1/groups/:id', { schema: rename }, async (request, reply) => {
    const { actor, siteId } = actorOf(request)
    const ref = refOf(request, siteId)
    const deps = await guarded(identity, request, ref)
    const done = await renameGroup(deps, actor, siteId, request.params, request.body.name)
    const read = () => getGroup(identity, actor, siteId, request.params)
    return groupJson(await changed(identity, reply, ref, { read, done }))
  })
  const remove = { ...DONE, summary: 'Delete a group and its grants; its members stay', params: IdSchema }
  app.delete('/api/v1/groups/:id', { schema: remove }, async (request, reply) => {
    const { actor, siteId } = actorOf(request)
    const deps = await guarded(identity, request, refOf(request, siteId))
    await deleteGroup(deps, actor, siteId, request.params)
    return reply.code(204).send(null)
  })
}

function refOf({ params }: { readonly params: { readonly id: string } }, siteId: string) {
  return { kind: 'group', siteId, id: params.id } as const
}

function addMembers(app: App, identity: IdentityDeps): void {
  const list = {
    ...COMMON,
    summary: 'The members of a group by name, in pages',
    params: IdSchema,
    querystring: PageQuerySchema,
    response: { 200: MemberPageSchema, ...REFUSALS },
  }
  app.get('/api/v1/groups/:id/members', { schema: list }, async (request) => {
    const { actor, siteId } = actorOf(request)
    const read = (place: object) => listMembers(identity, actor, siteId, request.params, place)
    const page = await readNamePage(request.query, read)
    return { members: page.items.map(({ id, name }) => ({ id, name })), next_cursor: page.next }
  })
  const one = { ...DONE, params: MembershipSchema }
  const join = { ...one, summary: 'Make a user a member' }
  app.put('/api/v1/groups/:id/members/:user_id', { schema: join }, async (request, reply) => {
    const { actor, siteId } = actorOf(request)
    const { id, user_id } = request.params
    await joinGroup(identity, actor, siteId, { group: { id }, user: { id: user_id } })
    return reply.code(204).send(null)
  })
  const leave = { ...one, summary: 'Take a user out; sessions that rest on the group are cut' }
  app.delete('/api/v1/groups/:id/members/:user_id', { schema: leave }, async (request, reply) => {
    const { actor, siteId } = actorOf(request)
    const { id, user_id } = request.params
    await leaveGroup(identity, actor, siteId, { group: { id }, user: { id: user_id } })
    return reply.code(204).send(null)
  })
}
