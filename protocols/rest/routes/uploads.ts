import type { FastifyReply, FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { Fault } from '#faults'
import { cutOn } from '#net/closing.ts'
import { childOf, parsePath, type VirtualPath } from '#permissions/path.ts'
import { sessionOf } from '../access.ts'
import { type App, leaveBodies, STREAMS } from '../app.ts'
import { exchangeOf } from '../exchanges.ts'
import { changeOptions, filesOf, readModified, statOrNull } from '../files/entries.ts'
import type { Aim, Resumable, Resumables } from '../files/resumables.ts'
import { checkRoom, MAX_BYTES } from '../files/upload.ts'
import { SECURITY } from '../openapi.ts'
import { REFUSALS } from '../schemas.ts'

const COMMON = { tags: ['files'], security: SECURITY }
const VERSION = '1.0.0'
const BYTES = 'application/offset+octet-stream'
const IdSchema = Type.Object({ id: Type.String({ maxLength: 100 }) })

const CreationQuerySchema = Type.Object(
  {
    folder: Type.Optional(
      Type.String({ maxLength: 4000, description: 'Where filename of the metadata is put; default /' }),
    ),
  },
  { additionalProperties: false },
)

const ABILITIES = {
  'Tus-Resumable': VERSION,
  'Tus-Version': VERSION,
  'Tus-Extension': 'creation,creation-with-upload,termination,expiration',
  'Tus-Max-Size': String(MAX_BYTES),
}

/** What the server can do, for anybody (tus 1.0, core). */
export function addTusOptions(app: App): void {
  for (const address of ['/api/v1/uploads', '/api/v1/uploads/:id']) {
    app.options(address, { schema: { hide: true } }, async (_request, reply) =>
      reply.code(204).headers(ABILITIES).send(null),
    )
  }
}

/** `/api/v1/uploads`: uploads that go on after a broken connection, by tus 1.0. */
export function addUploadRoutes(app: App, resumables: Resumables): void {
  leaveBodies(app)
  app.addHook('onRequest', checkVersion)
  addStart(app, resumables)
  addLook(app, resumables)
  addAppend(app, resumables)
  addDrop(app, resumables)
}

async function checkVersion(request: FastifyRequest, reply: FastifyReply): Promise<void> {
  reply.header('Tus-Resumable', VERSION)
  if (request.headers['tus-resumable'] === VERSION) return
  reply.header('Tus-Version', VERSION)
  throw new Fault('precondition', `this needs the header Tus-Resumable: ${VERSION}`)
}

function addStart(app: App, resumables: Resumables): void {
  const schema = {
    ...COMMON,
    summary: 'Start a resumable upload (tus 1.0)',
    description:
      'Upload-Length: the bytes of the whole file. Upload-Metadata: path, or filename below ?folder=, and ' +
      'modified_at, each in base64. If-Match and If-None-Match guard what is there when it is done. A body of ' +
      `${BYTES} is its first bytes. Location is where the rest goes.`,
    querystring: CreationQuerySchema,
    response: { 201: Type.Null(), ...REFUSALS },
  }
  app.post('/api/v1/uploads', { schema, config: STREAMS }, async (request, reply) => {
    const session = sessionOf(request)
    const started = await resumables.start(session, await aimOf(request, request.query.folder))
    reply.code(201).header('Location', `/api/v1/uploads/${started.id}`)
    const isBytes = request.headers['content-type'] === BYTES && started.entry === null
    if (!isBytes) return answer(reply, started)
    using _cut = cutOn(session.signal, request.raw.socket)
    const { body } = exchangeOf(request.raw)
    return answer(
      reply,
      await resumables.append(session, started.id, { offset: 0, body, signal: session.signal }),
    )
  })
}

function addLook(app: App, resumables: Resumables): void {
  const schema = {
    ...COMMON,
    summary: 'How many bytes of an upload are here: Upload-Offset',
    params: IdSchema,
    response: { 200: Type.Null(), ...REFUSALS },
  }
  const config = { swagger: { exposeHeadRoute: true } }
  app.head('/api/v1/uploads/:id', { schema, config }, async (request, reply) => {
    const found = await resumables.look(sessionOf(request), request.params.id)
    reply.headers({ 'Upload-Length': found.aim.length, 'Cache-Control': 'no-store' })
    if (found.aim.described !== '') reply.header('Upload-Metadata', found.aim.described)
    return answer(reply.code(200), found)
  })
}

function addAppend(app: App, resumables: Resumables): void {
  const schema = {
    ...COMMON,
    summary: 'Send bytes of an upload, from Upload-Offset on; with the last one the file is visible',
    description: `Content-Type: ${BYTES}. 409 when the upload is at another offset: ask for it and go on there.`,
    params: IdSchema,
    response: { 204: Type.Null(), ...REFUSALS },
  }
  app.patch('/api/v1/uploads/:id', { schema, config: STREAMS }, async (request, reply) => {
    if (request.headers['content-type'] !== BYTES) throw new Fault('invalid', `the body has to be ${BYTES}`)
    const offset = readWhole('Upload-Offset', request.headers['upload-offset'])
    const session = sessionOf(request)
    using _cut = cutOn(session.signal, request.raw.socket)
    const { body } = exchangeOf(request.raw)
    const { signal } = session
    return answer(
      reply.code(204),
      await resumables.append(session, request.params.id, { offset, body, signal }),
    )
  })
}

function addDrop(app: App, resumables: Resumables): void {
  const schema = {
    ...COMMON,
    summary: 'Give an upload up; what came of it is dropped',
    params: IdSchema,
    response: { 204: Type.Null(), ...REFUSALS },
  }
  app.delete('/api/v1/uploads/:id', { schema }, async (request, reply) => {
    await resumables.drop(sessionOf(request), request.params.id)
    return reply.code(204).send(null)
  })
}

function answer(reply: FastifyReply, { offset, expiresAt, entry }: Resumable): FastifyReply {
  reply.header('Upload-Offset', offset)
  if (entry === null) reply.header('Upload-Expires', new Date(expiresAt).toUTCString())
  else reply.header('ETag', `"${entry.version}"`)
  return reply.send(null)
}

async function aimOf(request: FastifyRequest, folder: string | undefined): Promise<Aim> {
  const length = readWhole('Upload-Length', request.headers['upload-length'])
  const described = [request.headers['upload-metadata'] ?? []].flat().join(',')
  const metadata = readMetadata(described)
  const path = pathOf(metadata, folder)
  const files = filesOf(request)
  await checkRoom(files, path, length)
  const options = changeOptions(request, await statOrNull(files, path))
  return { path, length, modified: readModified(metadata.get('modified_at')), options, described }
}

function pathOf(metadata: ReadonlyMap<string, string>, folder = '/'): VirtualPath {
  const path = metadata.get('path')
  if (path !== undefined) return parsePath(path)
  const name = metadata.get('filename')
  if (name === undefined) throw new Fault('invalid', 'Upload-Metadata names no path and no filename')
  return childOf(parsePath(folder), name)
}

/** `path L3gvYS50eHQ=,flag`: each value in base64, or nothing. Fault: invalid. */
function readMetadata(header: string): ReadonlyMap<string, string> {
  const pairs = header.split(',').filter((item) => item.trim() !== '')
  return new Map(
    pairs.map((item) => {
      const [, name, value = ''] = /^([^\s,]+)(?: +([A-Za-z0-9+/=]*))?$/.exec(item.trim()) ?? []
      if (name === undefined) throw new Fault('invalid', 'Upload-Metadata is a list such as path L2E=')
      return [name, Buffer.from(value, 'base64').toString()]
    }),
  )
}

function readWhole(name: string, text: string | string[] | undefined): number {
  const number = typeof text === 'string' && /^\d{1,15}$/.test(text) ? Number(text) : null
  if (number === null) throw new Fault('invalid', `${name} is missing, or no whole number`)
  return number
}
