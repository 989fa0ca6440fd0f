import type { FastifyReply, FastifyRequest } from 'fastify'
import { type Static, Type } from 'typebox'
import { Fault } from '#faults'
import type { Actor } from '#identity/actor.ts'
import { createKey } from '#identity/create-key.ts'
import type { IdentityDeps } from '#identity/deps.ts'
import { createGuestKey } from '#identity/guest-key.ts'
import { issuedJson, keyJson } from '#identity/json.ts'
import { deleteKey, findKey, getKey, type KeyChanges, listKeys, updateKey } from '#identity/keys.ts'
import { rotateKey } from '#identity/rotate-key.ts'
import { parseInstant } from '#identity/times.ts'
import type { UserRef } from '#identity/users.ts'
import { actorOf } from '../access.ts'
import type { App } from '../app.ts'
import { conditionsIn } from '../conditions.ts'
import { onlyOne } from '../name-pages.ts'
import { SECURITY } from '../openapi.ts'
import { readPage } from '../paging.ts'
import {
  IssuedKeySchema,
  KeyChangesSchema,
  KeyIdSchema,
  KeyListingSchema,
  KeyPageSchema,
  KeySchema,
  NewKeySchema,
  REFUSALS,
  RotationSchema,
} from '../schemas.ts'
import { changed, guarded, tagged } from '../versions.ts'

const COMMON = { tags: ['keys'], security: SECURITY }
const ONE_KEY = { ...COMMON, params: KeyIdSchema, response: { 200: KeySchema, ...REFUSALS } }

/** `/api/v1/keys`: keys of the presented key's own site (REQUIREMENTS.md, K1 and K2). */
export function addKeyRoutes(app: App, identity: IdentityDeps): void {
  addCreate(app, identity)
  addList(app, identity)
  addUpdate(app, identity)
  addRotate(app, identity)
  addDelete(app, identity)
  const get = { ...ONE_KEY, summary: 'One key; never its value' }
  app.get('/api/v1/keys/:id', { schema: get }, async (request, reply) => {
    const { actor, siteId } = actorOf(request)
    const { id } = request.params
    const read = () => getKey(identity, actor, siteId, id)
    return keyJson(await tagged(identity, reply, refOf(siteId, id), read), identity.clock.now())
  })
  addSwitch(app, identity, 'disable', 'Stop a key and its sessions at once')
  addSwitch(
    app,
    identity,
    'enable',
    'Let a disabled key work again; one that an administrator disabled, only they',
  )
}

function refOf(siteId: string, id: string) {
  return { kind: 'key', siteId, id } as const
}

function addSwitch(app: App, identity: IdentityDeps, verb: 'enable' | 'disable', summary: string): void {
  app.post(`/api/v1/keys/:id/${verb}`, { schema: { ...ONE_KEY, summary } }, async (request, reply) => {
    const { id } = request.params
    return change(identity, request, reply, { id, changes: { enabled: verb === 'enable' } })
  })
}

/** Changes a key as If-Match says, and answers with what it is then. */
async function change(
  identity: IdentityDeps,
  request: FastifyRequest,
  reply: FastifyReply,
  { id, changes }: { readonly id: string; readonly changes: KeyChanges },
) {
  const { actor, siteId } = actorOf(request)
  const ref = refOf(siteId, id)
  const deps = await guarded(identity, request, ref)
  const done = await updateKey(deps, actor, siteId, id, changes)
  const read = () => getKey(identity, actor, siteId, id)
  return keyJson(await changed(identity, reply, ref, { read, done }), identity.clock.now())
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
    const issued = await create(identity, actor, siteId, request.body)
    reply.code(201).header('Location', `/api/v1/keys/${issued.key.id}`)
    return issuedJson(issued, identity.clock.now())
  })
}

async function create(
  identity: IdentityDeps,
  actor: Actor,
  siteId: string,
  body: Static<typeof NewKeySchema>,
) {
  const { name, description, type = 'user', value, s3 } = body
  const input = { description, ...limitsIn(body), expiresAt: readExpiry(body.expires_at) }
  if (type !== 'guest') {
    const more = { name: name ?? '', type, user: userOf(body), value, pair: s3 }
    return createKey(identity, actor, siteId, { ...input, ...more })
  }
  if (value !== undefined || s3 || userOf(body) !== undefined) {
    throw new Fault('invalid', 'a guest key has no user, no value and no S3 access key pair')
  }
  return { key: await createGuestKey(identity, actor, siteId, { ...input, name }), value: null, pair: null }
}

function addList(app: App, identity: IdentityDeps): void {
  const schema = {
    ...COMMON,
    summary: 'The keys of the site, oldest first, in pages',
    querystring: KeyListingSchema,
    response: { 200: KeyPageSchema, ...REFUSALS },
  }
  app.get('/api/v1/keys', { schema }, async (request) => {
    const { actor, siteId } = actorOf(request)
    const { name, type, state } = request.query
    const user = userOf(request.query)
    const page =
      name === undefined
        ? await readPage(request.query, (place) =>
            listKeys(identity, actor, siteId, { user, type, state, ...place }),
          )
        : await onlyOne(() => findKey(identity, actor, siteId, name))
    const now = identity.clock.now()
    return { keys: page.items.map((key) => keyJson(key, now)), next_cursor: page.next }
  })
}

function addUpdate(app: App, identity: IdentityDeps): void {
  const schema = { ...ONE_KEY, summary: 'Change what is named, leave the rest', body: KeyChangesSchema }
  app.patch('/api/v1/keys/:id', { schema }, async (request, reply) => {
    const { name, description, enabled, expires_at } = request.body
    const expiresAt = readExpiry(expires_at)
    const changes = { name, description, enabled, ...limitsIn(request.body), expiresAt }
    return change(identity, request, reply, { id: request.params.id, changes })
  })
}

function addRotate(app: App, identity: IdentityDeps): void {
  const schema = {
    ...COMMON,
    summary: 'A new value for the key; the old one goes on for the overlap. Secrets are in this answer only',
    params: KeyIdSchema,
    body: RotationSchema,
    response: { 200: IssuedKeySchema, ...REFUSALS },
  }
  app.post('/api/v1/keys/:id/rotate', { schema, preValidation: withBody }, async (request) => {
    const { actor, siteId } = actorOf(request)
    const { overlap_seconds = 0, value, s3 } = request.body
    const input = { overlap: overlap_seconds * 1000, value, pair: s3 }
    const { id } = request.params
    const deps = await guarded(identity, request, refOf(siteId, id))
    const issued = await rotateKey(deps, actor, siteId, id, input)
    return issuedJson(issued, identity.clock.now())
  })
}

// All of it has a default, so nothing needs to be sent.
async function withBody(request: { body: unknown }): Promise<void> {
  request.body ??= {}
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
    const { id } = request.params
    await deleteKey(await guarded(identity, request, refOf(siteId, id)), actor, siteId, id)
    return reply.code(204).send(null)
  })
}

type LimitsBody = Pick<Static<typeof NewKeySchema>, 'scopes' | 'base_path' | 'storages' | 'conditions'>

function limitsIn({ scopes, base_path, storages, conditions }: LimitsBody) {
  return {
    scopes: scopes?.map(String),
    basePath: base_path,
    storages,
    conditions: conditionsIn(conditions),
  }
}

function userOf({ user, user_id }: { user?: string; user_id?: string }): UserRef | undefined {
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
