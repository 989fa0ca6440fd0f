import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import type { Session } from '#credentials/gate.ts'
import { Fault } from '#faults'
import type { OpenFile } from '#files/types.ts'
import { type FtpSession, openFile, type Transfer } from './session.ts'

const BLOCK_BYTES = 512 * 1024

type Digest = { update(bytes: Uint8Array): void; hex(): string }
type Algorithm = () => Digest

function hashed(name: string): Algorithm {
  return () => {
    const hash = createHash(name)
    return { update: (bytes) => void hash.update(bytes), hex: () => hash.digest('hex') }
  }
}

const crc: Algorithm = () => {
  let sum = 0
  return {
    update: (bytes) => {
      sum = crc32(bytes, sum)
    },
    hex: () => sum.toString(16).padStart(8, '0').toUpperCase(),
  }
}

const SHA_256 = hashed('sha256')

/** By the names of draft-bryan-ftpext-hash. */
const ALGORITHMS: ReadonlyMap<string, Algorithm> = new Map([
  ['SHA-256', SHA_256],
  ['SHA-512', hashed('sha512')],
  ['SHA-1', hashed('sha1')],
  ['MD5', hashed('md5')],
  ['CRC32', crc],
])

/** By the older commands that each stand for one algorithm. */
const X_COMMANDS: ReadonlyMap<string, Algorithm> = new Map([
  ['XSHA256', SHA_256],
  ['XSHA512', hashed('sha512')],
  ['XSHA1', hashed('sha1')],
  ['XSHA', hashed('sha1')],
  ['XMD5', hashed('md5')],
  ['XCRC', crc],
])

export const DEFAULT_HASH = 'SHA-256'
export const X_HASHES = [...X_COMMANDS.keys()]

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

/** HASH: digest of a file, or of the part that RANG chose, in hex; may take long and can be aborted. */
export async function hash(
  session: FtpSession,
  argument: string,
  access: Session,
  transfer: Transfer,
): Promise<void> {
  const { range } = session
  session.range = null
  await using file = await openFile(session, argument, access)
  const last = Math.max(0, file.entry.size - 1)
  const from = range?.from ?? 0
  const to = Math.min(range?.to ?? last, last)
  const hex = await digest(file, ALGORITHMS.get(session.hash) ?? SHA_256, { from, end: to + 1 }, transfer)
  if (hex === null) session.control.reply(426, 'Cut off')
  else session.control.reply(213, `${session.hash} ${from}-${to} ${hex} ${argument}`)
}

/** XSHA256 and its like: `path`, or `"path" [first [end]]` with `end` behind the last byte. */
export async function xHash(
  session: FtpSession,
  argument: string,
  access: Session,
  transfer: Transfer,
): Promise<void> {
  const quoted = /^"((?:[^"]|"")+)"(?: +(\d{1,15})(?: +(\d{1,15}))?)?$/.exec(argument)
  const name = quoted?.[1]?.replaceAll('""', '"') ?? argument
  await using file = await openFile(session, name, access)
  const { size } = file.entry
  const part = { from: Number(quoted?.[2] ?? 0), end: Math.min(Number(quoted?.[3] ?? size), size) }
  const hex = await digest(file, X_COMMANDS.get(transfer.verb) ?? SHA_256, part, transfer)
  if (hex === null) session.control.reply(426, 'Cut off')
  else session.control.reply(250, hex)
}

/** RANG (draft-bryan-ftp-range): first and last byte for the next HASH or RETR; `1 0` takes it back. */
export function rang(session: FtpSession, argument: string): void {
  const match = /^(\d{1,15}) +(\d{1,15})$/.exec(argument.trim())
  const [from, to] = [Number(match?.[1]), Number(match?.[2])]
  if (match === null || (from > to && !(from === 1 && to === 0))) {
    session.control.reply(501, 'RANG FIRST LAST')
    return
  }
  session.restart = 0
  session.range = from > to ? null : { from, to }
  session.control.reply(
    350,
    from > to ? 'Whole files again' : `The next command is for bytes ${from} to ${to}`,
  )
}

/** Of the bytes from `from` until before `end`; null when it was aborted. */
async function digest(
  file: OpenFile,
  algorithm: Algorithm,
  { from, end }: { from: number; end: number },
  transfer: Transfer,
): Promise<string | null> {
  const { size } = file.entry
  const stop = Math.min(end, size)
  if (from > size || (from > 0 && from >= stop))
    throw new Fault('range', 'The range is beyond the end of the file')
  const result = algorithm()
  const buffer = Buffer.allocUnsafe(Math.min(BLOCK_BYTES, Math.max(0, stop - from)))
  for (let position = from; position < stop; ) {
    if (transfer.stop.signal.aborted) return null
    const length = await file.read(buffer.subarray(0, Math.min(buffer.length, stop - position)), position)
    if (length === 0) throw new Fault('unavailable', 'The file ended too early')
    result.update(buffer.subarray(0, length))
    position += length
    transfer.bytes += length
  }
  return result.hex()
}
