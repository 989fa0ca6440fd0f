import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { trashJson } from '#identity/json.ts'
import { parsePath, ROOT } from '#permissions/path.ts'
import type { App } from '../app.ts'
import { filesOf } from '../files/entries.ts'
import { SECURITY } from '../openapi.ts'
import { REFUSALS } from '../schemas.ts'
import {
  PurgedSchema,
  PurgeSchema,
  RestoredSchema,
  RestoreSchema,
  TrashFolderSchema,
  TrashIdSchema,
  TrashPageSchema,
  TrashQuerySchema,
} from '../trash-schemas.ts'

const COMMON = { tags: ['files'], security: SECURITY }

/** `/api/v1/trash` and `/api/v1/files/purge`, with the rights of the presented key (REQUIREMENTS.md, F3). */
export function addTrashRoutes(app: App): void {
  addListing(app)
  addEntryRoutes(app)
  addPurgeRoutes(app)
}

function addListing(app: App): void {
  const schema = {
    ...COMMON,
    summary: 'Deleted files and folders that can be restored, the newest first, in pages',
    description: 'A page may hold fewer entries than asked for, even none, while next_cursor is not null.',
    querystring: TrashQuerySchema,
    response: { 200: TrashPageSchema, ...REFUSALS },
  }
  app.get('/api/v1/trash', { schema }, async (request) => {
    const { folder, limit, cursor } = request.query
    const { entries, next } = await filesOf(request).trash.list({
      ...(folder === undefined ? {} : { folder: parsePath(folder) }),
      ...(limit === undefined ? {} : { limit }),
      ...(cursor === undefined ? {} : { after: cursor }),
    })
    return { entries: entries.map(trashJson), next_cursor: next }
  })
}

function addEntryRoutes(app: App): void {
  const restore = {
    ...COMMON,
    summary: 'Put something back where it was, or elsewhere in its storage',
    params: TrashIdSchema,
    body: RestoreSchema,
    response: { 200: RestoredSchema, ...REFUSALS },
  }
  app.post('/api/v1/trash/:id/restore', { schema: restore, preValidation: withBody }, async (request) => {
    const { to, overwrite = false } = request.body
    const options = { overwrite, ...(to === undefined ? {} : { to: parsePath(to) }) }
    const { path, kind, size } = await filesOf(request).trash.restore(request.params.id, options)
    return { path, kind, size }
  })
  const purge = {
    ...COMMON,
    summary: 'Delete something in the trash for good',
    params: TrashIdSchema,
    response: { 204: Type.Null(), ...REFUSALS },
  }
  app.delete('/api/v1/trash/:id', { schema: purge }, async (request, reply) => {
    await filesOf(request).trash.purge(request.params.id)
    return reply.code(204).send(null)
  })
}

function addPurgeRoutes(app: App): void {
  const empty = {
    ...COMMON,
    summary: 'Delete for good what is in the trash and lay in a folder, as far as the key may',
    querystring: TrashFolderSchema,
    response: { 200: PurgedSchema, ...REFUSALS },
  }
  app.delete('/api/v1/trash', { schema: empty }, async (request) => {
    const { folder } = request.query
    return {
      purged: await filesOf(request).trash.purgeAll(folder === undefined ? ROOT : parsePath(folder)),
    }
  })
  const purge = {
    ...COMMON,
    summary: 'Delete a file or folder for good, past the trash; needs files.delete and files.purge',
    body: PurgeSchema,
    response: { 204: Type.Null(), ...REFUSALS },
  }
  app.post('/api/v1/files/purge', { schema: purge }, async (request, reply) => {
    const { path, tree = false } = request.body
    await filesOf(request).purge(parsePath(path), { tree })
    return reply.code(204).send(null)
  })
}

// Nothing needs to be said of an ordinary restoration.
async function withBody(request: FastifyRequest): Promise<void> {
  request.body ??= {}
}
