import { createHash } from 'node:crypto'
import type { Session } from '#credentials/gate.ts'
import { Fault } from '#faults'
import { type FtpSession, openFile, type Transfer } from './session.ts'

const BLOCK_BYTES = 512 * 1024

/** Names of draft-bryan-ftpext-hash and of node:crypto. */
const ALGORITHMS: ReadonlyMap<string, string> = new Map([
  ['SHA-256', 'sha256'],
  ['SHA-512', 'sha512'],
  ['SHA-1', 'sha1'],
  ['MD5', 'md5'],
])

export const DEFAULT_HASH = 'SHA-256'

/** The HASH line of FEAT: the algorithms, a star at the chosen one. */
export function hashFeature(session: FtpSession): string {
  return `HASH ${[...ALGORITHMS.keys()].map((name) => (name === session.hash ? `${name}*` : name)).join(';')}`
}

/** OPTS HASH: tells or chooses the algorithm. */
export function chooseHash(session: FtpSession, argument: string): void {
  const name = argument.trim().toUpperCase()
  if (name !== '' && !ALGORITHMS.has(name)) {
    session.control.reply(501, 'No such algorithm')
    return
  }
  if (name !== '') session.hash = name
  session.control.reply(200, session.hash)
}

/** HASH: digest of a whole file, in hex; may take long and can be aborted. */
export async function hash(
  session: FtpSession,
  argument: string,
  access: Session,
  transfer: Transfer,
): Promise<void> {
  await using file = await openFile(session, argument, access)
  const digest = createHash(ALGORITHMS.get(session.hash) ?? 'sha256')
  const { size } = file.entry
  const buffer = Buffer.allocUnsafe(Math.min(BLOCK_BYTES, size))
  while (transfer.bytes < size) {
    if (transfer.stop.signal.aborted) {
      session.control.reply(426, 'Cut off')
      return
    }
    const length = await file.read(buffer, transfer.bytes)
    if (length === 0) throw new Fault('unavailable', 'The file ended too early')
    digest.update(buffer.subarray(0, length))
    transfer.bytes += length
  }
  const range = `0-${Math.max(0, size - 1)}`
  session.control.reply(213, `${session.hash} ${range} ${digest.digest('hex')} ${argument}`)
}
