import { Type } from 'typebox'
import { Fault } from '#faults'
import type { IdentityDeps } from '#identity/deps.ts'
import { addGrant, listGrants, removeGrant } from '#identity/grants.ts'
import { namedGrantJson } from '#identity/json.ts'
import { actorOf } from '../access.ts'
import type { App } from '../app.ts'
import { readPlacedPage } from '../name-pages.ts'
import { SECURITY } from '../openapi.ts'
import {
  GrantPageSchema,
  GrantQuerySchema,
  GrantSchema,
  IdSchema,
  NewGrantSchema,
} from '../people-schemas.ts'
import { REFUSALS } from '../schemas.ts'

const COMMON = { tags: ['grants'], security: SECURITY }

/** `/api/v1/grants`: who may go where (REQUIREMENTS.md, U1). */
export function addGrantRoutes(app: App, identity: IdentityDeps): void {
  const list = {
    ...COMMON,
    summary: 'The grants of the site, of a user or of a group, by path, in pages',
    querystring: GrantQuerySchema,
    response: { 200: GrantPageSchema, ...REFUSALS },
  }
  app.get('/api/v1/grants', { schema: list }, async (request) => {
    const { actor, siteId } = actorOf(request)
    const { user_id, group_id, ...page } = request.query
    const holder = { user: refOf(user_id, undefined), group: refOf(group_id, undefined) }
    const { items, next } = await readPlacedPage(
      page,
      ([path, id], limit) => {
        const after = path === undefined || id === undefined ? undefined : { path, id }
        return listGrants(identity, actor, siteId, { ...holder, after, limit })
      },
      ({ path, id }) => [path, id],
    )
    return { grants: items.map(namedGrantJson), next_cursor: next }
  })
  const create = {
    ...COMMON,
    summary: 'Let a user or a group into a folder',
    body: NewGrantSchema,
    response: { 201: GrantSchema, ...REFUSALS },
  }
  app.post('/api/v1/grants', { schema: create }, async (request, reply) => {
    const { actor, siteId } = actorOf(request)
    const { user, user_id, group, group_id, ...rest } = request.body
    const holder = { user: refOf(user_id, user), group: refOf(group_id, group) }
    const grant = await addGrant(identity, actor, siteId, { ...rest, ...holder })
    reply.code(201)
    return namedGrantJson(grant)
  })
  const remove = {
    ...COMMON,
    summary: 'Take a grant away; sessions that rest on it are cut',
    params: IdSchema,
    response: { 204: Type.Null(), ...REFUSALS },
  }
  app.delete('/api/v1/grants/:id', { schema: remove }, async (request, reply) => {
    const { actor, siteId } = actorOf(request)
    await removeGrant(identity, actor, siteId, request.params.id)
    return reply.code(204).send(null)
  })
}

function refOf(id: string | undefined, name: string | undefined) {
  if (id !== undefined && name !== undefined) throw new Fault('invalid', 'give an id or a name, not both')
  if (id !== undefined) return { id }
  return name === undefined ? undefined : { name }
}
