import { Type } from 'typebox'
import type { IdentityDeps } from '#identity/deps.ts'
import { mountJson } from '#identity/json.ts'
import { addMount, changeMount, getMount, listMounts, removeMount } from '#identity/mounts.ts'
import { actorOf } from '../access.ts'
import type { App } from '../app.ts'
import { SECURITY } from '../openapi.ts'
import {
  IdSchema,
  MountChangesSchema,
  MountListSchema,
  MountSchema,
  NewMountSchema,
} from '../people-schemas.ts'
import { REFUSALS } from '../schemas.ts'
import { changed, guarded, tagged } from '../versions.ts'

const COMMON = { tags: ['mounts'], security: SECURITY }

/** `/api/v1/mounts`: what the site's tree is made of. Folders of the machine are never named here. */
export function addMountRoutes(app: App, identity: IdentityDeps): void {
  const list = {
    ...COMMON,
    summary: 'The mounts of the site by path',
    response: { 200: MountListSchema, ...REFUSALS },
  }
  app.get('/api/v1/mounts', { schema: list }, async (request) => {
    const { actor, siteId } = actorOf(request)
    return { mounts: (await listMounts(identity, actor, siteId)).map(mountJson) }
  })
  const create = {
    ...COMMON,
    summary: 'Add a mount on an empty folder that the server makes',
    body: NewMountSchema,
    response: { 201: MountSchema, ...REFUSALS },
  }
  app.post('/api/v1/mounts', { schema: create }, async (request, reply) => {
    const { actor, siteId } = actorOf(request)
    const { path, read_only, trash_days } = request.body
    const input = { path, readOnly: read_only, trashDays: trash_days }
    const mount = await addMount(identity, actor, siteId, input)
    reply.code(201)
    return mountJson(mount)
  })
  const one = {
    ...COMMON,
    summary: 'One mount',
    params: IdSchema,
    response: { 200: MountSchema, ...REFUSALS },
  }
  app.get('/api/v1/mounts/:id', { schema: one }, async (request, reply) => {
    const { actor, siteId } = actorOf(request)
    const read = () => getMount(identity, actor, siteId, request.params.id)
    return mountJson(await tagged(identity, reply, refOf(request, siteId), read))
  })
  addChanging(app, identity)
}

function refOf({ params }: { readonly params: { readonly id: string } }, siteId: string) {
  return { kind: 'mount', siteId, id: params.id } as const
}

function addChanging(app: App, identity: IdentityDeps): void {
  const update = {
    ...COMMON,
    summary: 'Make a mount read-only or writable, or say how long it keeps deleted files',
    params: IdSchema,
    body: MountChangesSchema,
    response: { 200: MountSchema, ...REFUSALS },
  }
  app.patch('/api/v1/mounts/:id', { schema: update }, async (request, reply) => {
    const { actor, siteId } = actorOf(request)
    const { id } = request.params
    const { read_only: readOnly, trash_days: trashDays } = request.body
    const ref = refOf(request, siteId)
    const deps = await guarded(identity, request, ref)
    const done = await changeMount(deps, actor, siteId, id, { readOnly, trashDays })
    const read = () => getMount(identity, actor, siteId, id)
    return mountJson(await changed(identity, reply, ref, { read, done }))
  })
  const remove = {
    ...COMMON,
    summary: 'Take a mount out of the tree; its files stay on disk',
    params: IdSchema,
    response: { 204: Type.Null(), ...REFUSALS },
  }
  app.delete('/api/v1/mounts/:id', { schema: remove }, async (request, reply) => {
    const { actor, siteId } = actorOf(request)
    const deps = await guarded(identity, request, refOf(request, siteId))
    await removeMount(deps, actor, siteId, request.params.id)
    return reply.code(204).send(null)
  })
}
