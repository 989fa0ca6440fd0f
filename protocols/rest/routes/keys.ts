import { type Static, Type } from 'typebox'
import { Fault } from '#faults'
import { createKey } from '#identity/create-key.ts'
import type { IdentityDeps } from '#identity/deps.ts'
import { issuedJson, keyJson } from '#identity/json.ts'
import { deleteKey, disableKey, enableKey, getKey, listKeys, updateKey } from '#identity/keys.ts'
import { parseInstant } from '#identity/times.ts'
import type { UserRef } from '#identity/users.ts'
import { actorOf } from '../access.ts'
import type { App } from '../app.ts'
import { SECURITY } from '../openapi.ts'
import { pageOf } from '../paging.ts'
import {
  IssuedKeySchema,
  KeyChangesSchema,
  KeyIdSchema,
  KeyPageSchema,
  KeySchema,
  NewKeySchema,
  PageSchema,
  REFUSALS,
} from '../schemas.ts'

const COMMON = { tags: ['keys'], security: SECURITY }
const ONE_KEY = { ...COMMON, params: KeyIdSchema, response: { 200: KeySchema, ...REFUSALS } }

/** `/api/v1/keys`: keys of the presented key's own site (REQUIREMENTS.md, K1 and K2). */
export function addKeyRoutes(app: App, identity: IdentityDeps): void {
  addCreate(app, identity)
  addList(app, identity)
  addUpdate(app, identity)
  addDelete(app, identity)
  const get = { ...ONE_KEY, summary: 'One key; never its value' }
  app.get('/api/v1/keys/:id', { schema: get }, async (request) => {
    const { actor, siteId } = actorOf(request)
    return keyJson(await getKey(identity, actor, siteId, request.params.id), identity.clock.now())
  })
  const disable = { ...ONE_KEY, summary: 'Stop a key and its sessions at once' }
  app.post('/api/v1/keys/:id/disable', { schema: disable }, async (request) => {
    const { actor, siteId } = actorOf(request)
    return keyJson(await disableKey(identity, actor, siteId, request.params.id), identity.clock.now())
  })
  const enable = { ...ONE_KEY, summary: 'Let a disabled key work again' }
  app.post('/api/v1/keys/:id/enable', { schema: enable }, async (request) => {
    const { actor, siteId } = actorOf(request)
    return keyJson(await enableKey(identity, actor, siteId, request.params.id), identity.clock.now())
  })
}

function addCreate(app: App, identity: IdentityDeps): void {
  const schema = {
    ...COMMON,
    summary: 'Issue a key; its secrets are in this answer only',
    body: NewKeySchema,
    response: { 201: IssuedKeySchema, ...REFUSALS },
  }
  app.post('/api/v1/keys', { schema }, async (request, reply) => {
    const { actor, siteId } = actorOf(request)
    const { name, description, type, scopes, base_path, expires_at, s3 } = request.body
    const issued = await createKey(identity, actor, siteId, {
      name,
      description,
      type: type ?? 'user',
      user: userOf(request.body),
      scopes,
      basePath: base_path,
      expiresAt: readExpiry(expires_at),
      pair: s3,
    })
    reply.code(201).header('Location', `/api/v1/keys/${issued.key.id}`)
    return issuedJson(issued, identity.clock.now())
  })
}

function addList(app: App, identity: IdentityDeps): void {
  const schema = {
    ...COMMON,
    summary: 'The keys of the site, oldest first, in pages',
    querystring: PageSchema,
    response: { 200: KeyPageSchema, ...REFUSALS },
  }
  app.get('/api/v1/keys', { schema }, async (request) => {
    const { actor, siteId } = actorOf(request)
    const page = pageOf(await listKeys(identity, actor, siteId), request.query)
    const now = identity.clock.now()
    return { keys: page.keys.map((key) => keyJson(key, now)), next_cursor: page.next }
  })
}

function addUpdate(app: App, identity: IdentityDeps): void {
  const schema = { ...ONE_KEY, summary: 'Change what is named, leave the rest', body: KeyChangesSchema }
  app.patch('/api/v1/keys/:id', { schema }, async (request) => {
    const { actor, siteId } = actorOf(request)
    const { name, description, enabled, scopes, base_path, expires_at } = request.body
    const changes = {
      name,
      description,
      enabled,
      scopes,
      basePath: base_path,
      expiresAt: readExpiry(expires_at),
    }
    const key = await updateKey(identity, actor, siteId, request.params.id, changes)
    return keyJson(key, identity.clock.now())
  })
}

function addDelete(app: App, identity: IdentityDeps): void {
  const schema = {
    ...COMMON,
    summary: 'Delete a key for good; the audit keeps what it did',
    params: KeyIdSchema,
    response: { 204: Type.Null(), ...REFUSALS },
  }
  app.delete('/api/v1/keys/:id', { schema }, async (request, reply) => {
    const { actor, siteId } = actorOf(request)
    await deleteKey(identity, actor, siteId, request.params.id)
    return reply.code(204).send(null)
  })
}

function userOf({ user, user_id }: Static<typeof NewKeySchema>): UserRef | undefined {
  if (user !== undefined && user_id !== undefined) {
    throw new Fault('invalid', 'name the user by user or by user_id, not by both')
  }
  if (user_id !== undefined) return { id: user_id }
  return user === undefined ? undefined : { name: user }
}

function readExpiry(text: string | null | undefined): number | null | undefined {
  if (text === undefined || text === null) return text
  const at = parseInstant(text)
  if (at === null) throw new Fault('invalid', 'expires_at is an ISO 8601 time with a time zone, or null')
  return at
}
