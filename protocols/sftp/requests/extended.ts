import { Fault } from '#faults'
import { resolvePath } from '#permissions/path.ts'
import { pathReply } from '../attributes.ts'
import type { Context, Handler } from '../context.ts'
import { readable, takeFile, writable } from '../handles.ts'
import {
  okReply,
  putText,
  putUint64,
  type Request,
  startReply,
  takePath,
  takeText,
  takeUint64,
} from '../packets.ts'
import { MAX_DATA, MAX_HANDLES, MAX_PACKET, REPLY, VERSION } from '../wire.ts'
import { posixRename, refuseLink } from './names.ts'
import { setstat } from './setstat.ts'

type Extension = { readonly version: string; readonly handler: Handler }

/** What VERSION announces. */
const ANNOUNCED: ReadonlyMap<string, Extension> = new Map([
  ['limits@openssh.com', { version: '1', handler: limits }],
  ['posix-rename@openssh.com', { version: '1', handler: posixRename }],
  ['statvfs@openssh.com', { version: '2', handler: statvfs }],
  ['fstatvfs@openssh.com', { version: '2', handler: fstatvfs }],
  ['fsync@openssh.com', { version: '1', handler: fsync }],
  ['lsetstat@openssh.com', { version: '1', handler: setstat }],
  ['copy-data', { version: '1', handler: copyData }],
  ['expand-path@openssh.com', { version: '1', handler: expandPath }],
  ['home-directory', { version: '1', handler: homeDirectory }],
])

/** The answer to INIT: version 3 and the extensions. */
export function versionReply(): Buffer {
  const pairs = [...ANNOUNCED].flatMap(([name, { version }]) => [name, version])
  const packet = startReply(
    REPLY.version,
    VERSION,
    pairs.reduce((sum, text) => sum + 4 + text.length, 0),
  )
  pairs.reduce((at, text) => putText(packet, text, at), 9)
  return packet
}

/** EXTENDED, by name. */
export function extended(context: Context, request: Request): ReturnType<Handler> {
  const name = takeText(request)
  if (name === 'hardlink@openssh.com') return refuseLink()
  const extension = ANNOUNCED.get(name)
  if (extension === undefined) throw new Fault('unsupported', 'unknown extension')
  return extension.handler(context, request)
}

function numbersReply(id: number, numbers: readonly number[]): Buffer {
  const packet = startReply(REPLY.extended, id, 8 * numbers.length)
  numbers.reduce((at, number) => putUint64(packet, number, at), 9)
  return packet
}

/** OpenSSH sizes its reads and writes by it. */
function limits(_context: Context, request: Request): Buffer {
  return numbersReply(request.id, [MAX_PACKET, MAX_DATA, MAX_DATA, MAX_HANDLES])
}

const BLOCK = 4096
const NAME_MAX = 255

async function statvfs({ files }: Context, request: Request): Promise<Buffer> {
  return spaceReply(request.id, await files.space(takePath(request)))
}

async function fstatvfs({ files, handles }: Context, request: Request): Promise<Buffer> {
  const handle = handles.take(request)
  const path = handle.kind === 'folder' ? handle.path : (await handle.content.stat()).path
  return spaceReply(request.id, await files.space(path))
}

/** statvfs(3): block sizes, blocks, free, available, three counts of files (unknown), id, flags, longest name. */
function spaceReply(id: number, { total, available }: { total: number; available: number }): Buffer {
  const free = Math.floor(available / BLOCK)
  const blocks = Math.floor(total / BLOCK)
  return numbersReply(id, [BLOCK, BLOCK, blocks, free, free, 0, 0, 0, 0, 0, NAME_MAX])
}

/** Waits for the handle's writes and for the disk. CLOSE is what publishes: until then nobody sees the bytes. */
async function fsync({ handles }: Context, request: Request): Promise<Buffer> {
  const { content, kind } = takeFile(handles, request)
  await content.settled()
  if (kind === 'staged') await content.sync()
  return okReply(request.id)
}

/** `~` and `~/…` are the folder in which the session starts. `~name` is a file's name, as in a shell without that user. */
function expandPath(_context: Context, request: Request): Buffer {
  const path = takeText(request)
  const isHome = path === '~' || path.startsWith('~/')
  return pathReply(request.id, resolvePath(request.home, isHome ? path.slice(2) : path))
}

/** home-directory (draft-ietf-secsh-filexfer-extensions-00 §5): of the caller, whose name may be left out. */
function homeDirectory(_context: Context, request: Request): Buffer {
  const name = takeText(request)
  if (name !== '') throw new Fault('not_found', 'no such user')
  return pathReply(request.id, request.home)
}

const COPY_BYTES = 512 * 1024

/** copy-data (draft-ietf-secsh-filexfer-extensions-00 §7): between two handles, on the server. */
async function copyData({ handles, signal }: Context, request: Request): Promise<Buffer> {
  const source = readable(takeFile(handles, request))
  const from = takeUint64(request)
  const wanted = takeUint64(request) || Number.MAX_SAFE_INTEGER
  const target = writable(takeFile(handles, request))
  const to = takeUint64(request)
  if (source === target) throw new Fault('invalid', 'source and target are one file')
  const buffer = Buffer.allocUnsafeSlow(COPY_BYTES)
  for (let done = 0; done < wanted; ) {
    if (signal.aborted) throw new Fault('unavailable', 'the session ended')
    const got = await source.read(buffer.subarray(0, Math.min(COPY_BYTES, wanted - done)), from + done)
    if (got === 0) break
    await target.write([buffer.subarray(0, got)], got, to + done)
    done += got
  }
  return okReply(request.id)
}
