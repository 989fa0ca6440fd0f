import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { Fault } from '#faults'
import type { CopyOptions, Files } from '#files/types.ts'
import { parsePath, ROOT, type VirtualPath } from '#permissions/path.ts'
import { type App, leaveBodies, STREAMS } from '../app.ts'
import { sendFileAt } from '../files/download.ts'
import { changeOptions, entryJson, filesOf, makeParents, readModified, tokensOf } from '../files/entries.ts'
import { addressOf, pathOfAddress } from '../files/paths.ts'
import {
  EntrySchema,
  FilePageSchema,
  FileQuerySchema,
  NewFolderSchema,
  RemoveQuerySchema,
  SpaceQuerySchema,
  SpaceSchema,
  TimesSchema,
  TransferredSchema,
  TransferSchema,
  UploadQuerySchema,
} from '../files/schemas.ts'
import { upload } from '../files/upload.ts'
import { SECURITY } from '../openapi.ts'
import { REFUSALS } from '../schemas.ts'

const COMMON = { tags: ['files'], security: SECURITY }
const ADDRESS = '/api/v1/files/*'
const DEFAULT_LIMIT = 100

/** `/api/v1/files`: the site's files with the rights of the presented key. */
export function addFileRoutes(app: App): void {
  addReading(app)
  addRemove(app)
  addFolder(app)
  addTransfers(app)
  addTimes(app)
}

/** Those that read the request's body as it comes. */
export function addStreamRoutes(app: App): void {
  leaveBodies(app)
  addUpload(app)
}

function addReading(app: App): void {
  const schema = {
    ...COMMON,
    summary: 'The bytes of a file, or the members of a folder in pages',
    description:
      'A file comes with ETag and Last-Modified and takes Range, If-Range, If-Match, If-None-Match and their ' +
      'dates. HEAD answers the same without the bytes. A folder is listed by name, folders and files mixed.',
    querystring: FileQuerySchema,
    response: { 200: Type.Union([FilePageSchema, EntrySchema]), ...REFUSALS },
  }
  for (const address of ['/api/v1/files', ADDRESS]) {
    app.get(address, { schema }, async (request, reply) => {
      const path = pathOfAddress(request.url)
      const { stat = false, download = false } = request.query
      if (stat) {
        const entry = await filesOf(request).stat(path)
        if (entry.kind === 'file') reply.header('ETag', `"${entry.version}"`)
        return entryJson(entry)
      }
      if (await sendFileAt(request, reply, { path, attachment: download })) return reply
      return listing(filesOf(request), path, request.query)
    })
  }
}

type ListQuery = { readonly limit?: number; readonly cursor?: string; readonly prefix?: string }

async function listing(
  files: Files,
  path: VirtualPath,
  { limit = DEFAULT_LIMIT, cursor, prefix }: ListQuery,
) {
  const { entries, next } = await files.list(path, {
    limit,
    ...(cursor !== undefined && { after: readCursor(cursor) }),
    ...(prefix !== undefined && { prefix }),
  })
  return {
    entries: entries.map(entryJson),
    next_cursor: next === null ? null : Buffer.from(next).toString('base64url'),
  }
}

function readCursor(cursor: string): string {
  const key = Buffer.from(cursor, 'base64url').toString()
  if (key !== '' && Buffer.from(key).toString('base64url') === cursor) return key
  throw new Fault('invalid', 'the cursor is not one of ours')
}

function addUpload(app: App): void {
  const schema = {
    ...COMMON,
    summary: 'Upload a whole file; it is visible whole or not at all',
    description:
      'The body is the file. If-Match and If-None-Match guard what is there. Repr-Digest, Content-Digest, Digest ' +
      'or Content-MD5 are checked before anything is visible. For uploads that go on after a broken connection ' +
      'see /api/v1/uploads.',
    querystring: UploadQuerySchema,
    response: { 200: EntrySchema, 201: EntrySchema, ...REFUSALS },
  }
  app.put(ADDRESS, { schema, config: STREAMS }, async (request, reply) => {
    const { modified_at, parents = false } = request.query
    const aims = { path: pathOfAddress(request.url), modified: readModified(modified_at), parents }
    const entry = await upload(request, reply, aims)
    reply.header('ETag', `"${entry.version}"`)
    if (reply.statusCode === 201) reply.header('Location', addressOf(entry.path))
    return entryJson(entry)
  })
}

function addRemove(app: App): void {
  const schema = {
    ...COMMON,
    summary: 'Delete a file or an empty folder, into the trash where the storage keeps one',
    description: 'If-Match with the ETag of a file deletes this version only.',
    querystring: RemoveQuerySchema,
    response: { 204: Type.Null(), ...REFUSALS },
  }
  app.delete(ADDRESS, { schema }, async (request, reply) => {
    const files = filesOf(request)
    const path = pathOfAddress(request.url)
    await files.remove(path, { ...(await guarded(files, path, request)), tree: request.query.tree ?? false })
    return reply.code(204).send(null)
  })
}

async function guarded(files: Files, path: VirtualPath, request: FastifyRequest) {
  const { headers } = request
  const asks = headers['if-match'] !== undefined || headers['if-unmodified-since'] !== undefined
  return asks ? changeOptions(request, await files.stat(path)) : { tokens: tokensOf(headers['lock-token']) }
}

function addFolder(app: App): void {
  const schema = {
    ...COMMON,
    summary: 'Make a folder',
    body: NewFolderSchema,
    response: { 201: EntrySchema, ...REFUSALS },
  }
  app.post('/api/v1/folders', { schema }, async (request, reply) => {
    const files = filesOf(request)
    const path = parsePath(request.body.path)
    if (request.body.parents) await makeParents(files, path)
    const entry = await files.mkdir(path, { tokens: tokensOf(request.headers['lock-token']) })
    reply.code(201).header('Location', addressOf(path))
    return entryJson(entry)
  })
}

type Outcome = 'created' | 'replaced'
type Transfer = (files: Files, from: VirtualPath, to: VirtualPath, options: CopyOptions) => Promise<Outcome>

function addTransfers(app: App): void {
  addTransfer(app, 'copy', 'Copy a file or folder on the server', (files, ...rest) => files.copy(...rest))
  addTransfer(app, 'move', 'Move or rename a file or folder', (files, ...rest) => files.rename(...rest))
}

function addTransfer(app: App, verb: string, summary: string, act: Transfer): void {
  const schema = {
    ...COMMON,
    summary,
    body: TransferSchema,
    response: { 200: TransferredSchema, 201: TransferredSchema, ...REFUSALS },
  }
  app.post(`/api/v1/files/${verb}`, { schema }, async (request, reply) => {
    const { from, to, overwrite = false } = request.body
    const target = parsePath(to)
    const options = { overwrite, tokens: tokensOf(request.headers['lock-token']) }
    const outcome = await act(filesOf(request), parsePath(from), target, options)
    reply.code(outcome === 'created' ? 201 : 200).header('Location', addressOf(target))
    return { path: target, outcome }
  })
}

function addTimes(app: App): void {
  const times = {
    ...COMMON,
    summary: 'Set when a file or folder was changed',
    body: TimesSchema,
    response: { 200: EntrySchema, ...REFUSALS },
  }
  app.post('/api/v1/files/times', { schema: times }, async (request) => {
    const modified = readModified(request.body.modified_at) ?? 0
    const tokens = tokensOf(request.headers['lock-token'])
    return entryJson(await filesOf(request).setModified(parsePath(request.body.path), modified, { tokens }))
  })
  const space = {
    ...COMMON,
    summary: 'How much room there is',
    querystring: SpaceQuerySchema,
    response: { 200: SpaceSchema, ...REFUSALS },
  }
  app.get('/api/v1/space', { schema: space }, async (request) => {
    const { path } = request.query
    const { total, available, used } = await filesOf(request).space(
      path === undefined ? ROOT : parsePath(path),
    )
    return { total, available, used }
  })
}
