import { Fault } from '#faults'
import { httpDate } from '#net/dates.ts'
import { receiveBody } from '#net/receive.ts'
import { type Call, changeOptions, headerOf, ocMtime } from './call.ts'
import { readChecksum, verified } from './checksum.ts'
import { hrefOf } from './path.ts'
import { type Reply, textReply } from './reply.ts'

/** Nothing on earth stores more in one file; what says so is a mistake or an attack. */
const MAX_BYTES = 16 * 1024 ** 4
/** Below this, room is not asked for beforehand: the disk tells. */
const ROOM_CHECK_BYTES = 16 * 1024 ** 2

/** PUT (RFC 9110 §9.3.4): the whole file, streamed to staging and published at the end. */
export async function put(call: Call): Promise<Reply> {
  const { exchange, session, path, headers, submitted } = call
  const { files, signal } = session
  if (headers['content-range'] !== undefined) throw new Fault('invalid', 'PUT takes whole files only')
  if (!/^(identity)?$/i.test(headers['content-encoding'] ?? '')) {
    return textReply(415, 'PUT takes no content coding')
  }
  const checksum = readChecksum(headerOf(headers, 'oc-checksum'))
  await checkRoom(call)
  await using upload = await files.create(path, { tokens: submitted.tokens })
  const current = upload.replaces
  const options = changeOptions(call, current)
  await receiveBody(verified(exchange.body, checksum), upload, {
    signal,
    limit: MAX_BYTES,
    owned: true,
  })
  const modified = ocMtime(headers)
  const entry = await upload.commit(modified === undefined ? options : { ...options, modified })
  return {
    status: current === null ? 201 : 204,
    headers: {
      ETag: `"${entry.version}"`,
      'Last-Modified': httpDate(entry.modified),
      ...(current === null ? { Location: hrefOf(path, false) } : {}),
      ...(modified === undefined ? {} : { 'X-OC-MTime': 'accepted' }),
    },
  }
}

/** Refuses before the body what cannot fit. Finder says the length of a chunked body in a header of its own. */
async function checkRoom({ headers, session, path }: Call): Promise<void> {
  const announced = headers['content-length'] ?? headerOf(headers, 'x-expected-entity-length')
  const length = Number(announced ?? 0)
  if (length > MAX_BYTES) throw new Fault('too_large', 'file is too large')
  if (!(length > ROOM_CHECK_BYTES)) return
  const { available } = await session.files.space(path)
  if (length > available) throw new Fault('quota', 'not enough room')
}
