import type { FastifyReply, FastifyRequest } from 'fastify'
import { Fault } from '#faults'
import type { Entry, Files } from '#files/types.ts'
import { cutOn } from '#net/closing.ts'
import { receiveBody } from '#net/receive.ts'
import type { VirtualPath } from '#permissions/path.ts'
import { sessionOf } from '../access.ts'
import { exchangeOf } from '../exchanges.ts'
import { readDigests, verified } from './digests.ts'
import { changeOptions, filesOf, makeParents, statOrNull } from './entries.ts'

/** Nothing on earth stores more in one file; what says so is a mistake or an attack. */
export const MAX_BYTES = 16 * 1024 ** 4
/** Below this, room is not asked for beforehand: the disk tells. */
const ROOM_CHECK_BYTES = 16 * 1024 ** 2

export type UploadAims = {
  readonly path: VirtualPath
  /** Milliseconds since the epoch; default now. */
  readonly modified: number | undefined
  /** Makes the folders above it that are missing. */
  readonly parents: boolean
}

/**
 * PUT of a whole file: streamed to staging, published at the end whole or not at all. The connection ends when the
 * key is revoked. Faults: invalid, exists (a folder is there), no_parent, precondition, locked, quota, too_large.
 */
export async function upload(
  request: FastifyRequest,
  reply: FastifyReply,
  { path, modified, parents }: UploadAims,
): Promise<Entry> {
  refuseParts(request)
  const { signal } = sessionOf(request)
  const files = filesOf(request)
  const digests = readDigests(request.headers)
  const current = await statOrNull(files, path)
  if (current?.kind === 'folder') throw new Fault('exists', 'a folder is there')
  const options = changeOptions(request, current)
  await checkRoom(files, path, Number(request.headers['content-length'] ?? 0))
  if (parents && current === null) await makeParents(files, path)
  await using staged = await files.create(path, options)
  using _cut = cutOn(signal, request.raw.socket)
  const body = verified(exchangeOf(request.raw).body, digests)
  await receiveBody(body, staged, { signal, limit: MAX_BYTES })
  const entry = await staged.commit(modified === undefined ? options : { ...options, modified })
  reply.code(current === null ? 201 : 200)
  return entry
}

function refuseParts({ headers }: FastifyRequest): void {
  if (headers['content-range'] !== undefined) {
    throw new Fault('invalid', 'PUT takes whole files only; /api/v1/uploads takes them in parts')
  }
  if (!/^(identity)?$/i.test(headers['content-encoding'] ?? '')) {
    throw new Fault('invalid', 'PUT takes no content coding')
  }
}

/** Refuses before the body what cannot fit. Faults: too_large, quota. */
export async function checkRoom(files: Files, path: VirtualPath, length: number): Promise<void> {
  if (length > MAX_BYTES) throw new Fault('too_large', 'the file is too large')
  if (!(length > ROOM_CHECK_BYTES)) return
  const { available } = await files.space(path)
  if (length > available) throw new Fault('quota', 'there is not enough room')
}
