import { Fault } from '#faults'
import type { VirtualPath } from '#permissions/path.ts'
import { type Caller, checkAlive, may, siteOf, stagedFor, untilEnd } from '../caller.ts'
import type { Metadata } from '../metadata.ts'
import type { KeptPart, Mount, MountParts, Staged, StagedPartFile } from '../mount.ts'
import {
  type MultipartUpload,
  type MultipartUploads,
  newUploadId,
  type StagedPart,
  type UploadedPart,
  type UploadsPage,
} from '../multipart.ts'
import type { ChangeOptions, Entry, OpenFile } from '../types.ts'
import { Handle } from './handle.ts'
import { followUp, lookUp, type Target } from './places.ts'
import { checkReplaceable, publish, writable } from './upload.ts'

export function uploadsFor(caller: Caller): MultipartUploads {
  return {
    start: (path, given) => start(caller, path, given),
    get: async (path, id) => (await find(caller, path, id)).upload,
    list: (folder, page) => list(caller, folder, page),
    part: (path, id, number, size) => part(caller, path, id, { number, size }),
    parts: async (path, id, page) => {
      await find(caller, path, id)
      return caller.shared.uploads.parts(id, page)
    },
    complete: (path, id, numbers, metadata, options) =>
      complete(caller, path, id, { numbers, metadata, options: options ?? {} }),
    abort: (path, id) => abort(caller, path, id),
  }
}

async function start(
  caller: Caller,
  path: VirtualPath,
  given: Pick<MultipartUpload, 'metadata' | 'checksum'>,
): Promise<MultipartUpload> {
  const target = await writable(caller, path)
  checkReplaceable(caller, target, await lookUp(target))
  const { principal, shared } = caller
  const now = Math.floor(shared.clock.now())
  const upload: MultipartUpload = {
    id: newUploadId(now),
    path,
    startedAt: now,
    metadata: given.metadata,
    checksum: given.checksum,
  }
  await shared.uploads.insert(principal.siteId, upload)
  return upload
}

async function find(
  caller: Caller,
  path: VirtualPath,
  id: string,
): Promise<{ target: Target; upload: MultipartUpload }> {
  const target = await writable(caller, path)
  const upload = await caller.shared.uploads.get(caller.principal.siteId, id)
  if (upload === null || upload.path !== path) throw new Fault('not_found', 'no such upload')
  return { target, upload }
}

async function list(
  caller: Caller,
  folder: VirtualPath,
  page?: UploadsPage,
): Promise<readonly MultipartUpload[]> {
  const site = await siteOf(caller)
  const { principal, shared } = caller
  const mayShow = ({ path }: MultipartUpload) => {
    const route = site.route(path)
    return may(caller, 'write', path, { mount: route === null ? null : route.record.id })
  }
  if (page === undefined) return (await shared.uploads.list(principal.siteId, folder)).filter(mayShow)
  const shown: MultipartUpload[] = []
  let { after } = page
  while (shown.length < page.limit) {
    checkAlive(caller)
    const next = { ...page, ...(after === undefined ? {} : { after }) }
    const uploads = await shared.uploads.list(principal.siteId, folder, next)
    shown.push(...uploads.filter(mayShow))
    const last = uploads.at(-1)
    if (last === undefined || uploads.length < page.limit) break
    after = last
  }
  return shown.slice(0, page.limit)
}

async function part(
  caller: Caller,
  path: VirtualPath,
  id: string,
  { number, size }: { number: number; size: number | undefined },
): Promise<StagedPart> {
  if (!Number.isSafeInteger(number) || number < 1)
    throw new Fault('invalid', 'the part number is out of range')
  const { target } = await find(caller, path, id)
  const { parts } = target.route.mount
  const staged = await stagedFor(caller, () => parts.stage(id, { number, size }, caller.signal))
  const handle = new Handle(caller, staged, path)
  return {
    write: (chunks, position) => handle.write(chunks, position),
    commit: (described) => handle.finish(() => keepPart(caller, { target, id, number }, staged, described)),
    [Symbol.asyncDispose]: () => handle[Symbol.asyncDispose](),
  }
}

type PartPlace = { readonly target: Target; readonly id: string; readonly number: number }

// The part is named by its digest too. So its row, written after it, never speaks of other bytes: not even
// when a crash comes between the two, or when the same part is received twice at once.
async function keepPart(
  caller: Caller,
  { target, id, number }: PartPlace,
  staged: StagedPartFile,
  { etag, checksums }: Pick<UploadedPart, 'etag' | 'checksums'>,
): Promise<UploadedPart> {
  const { shared } = caller
  const { parts } = target.route.mount
  const { size } = staged
  const name = partName(number, etag)
  using _held = await shared.mutex.hold([`part:${id}:${number}`])
  await find(caller, target.path, id)
  const [before] = await shared.uploads.parts(id, { after: number - 1, limit: 1 })
  const kept = await untilEnd(caller, () => staged.keep(name))
  const uploaded: UploadedPart = { number, size, etag, checksums, modified: shared.clock.now() }
  await shared.uploads.putPart(id, uploaded)
  if (before?.number === number) await followUp(caller, () => dropEarlier(parts, id, number, kept))
  return uploaded
}

async function dropEarlier(parts: MountParts, id: string, number: number, kept: string): Promise<void> {
  const earlier = (await parts.names(id)).filter((one) => one.startsWith(`${number}-`) && one !== kept)
  for (const one of earlier) await parts.drop(id, one)
}

function partName(number: number, etag: string): string {
  if (!/^[0-9a-f]{32}$/.test(etag)) throw new Fault('invalid', 'the etag of a part is the MD5 of its bytes')
  return `${number}-${etag}`
}

type Completion = {
  readonly numbers: readonly number[]
  readonly metadata: Metadata
  readonly options: ChangeOptions
}

async function complete(
  caller: Caller,
  path: VirtualPath,
  id: string,
  { numbers, metadata, options }: Completion,
): Promise<Entry> {
  const { target } = await find(caller, path, id)
  const { principal, shared } = caller
  // A client that lost the answer asks again: the second one must not join what the first one is joining.
  using _held = await shared.mutex.hold([`upload:${id}`])
  await find(caller, path, id)
  const parts = partsOf(await shared.uploads.parts(id), numbers)
  const staged = await joined(caller, target, id, parts)
  try {
    const entry = await publish(caller, target, staged, { ...options, metadata })
    await followUp(caller, () => shared.uploads.remove(principal.siteId, id))
    await followUp(caller, () => target.route.mount.parts.dropAll(id))
    return entry
  } finally {
    caller.staged.delete(staged)
    await staged[Symbol.asyncDispose]()
  }
}

function partsOf(present: readonly UploadedPart[], numbers: readonly number[]): UploadedPart[] {
  const byNumber = new Map(present.map((one) => [one.number, one]))
  if (numbers.length === 0) throw new Fault('invalid', 'an upload has at least one part')
  return numbers.map((number) => {
    const one = byNumber.get(number)
    if (one === undefined) throw new Fault('invalid', `part ${number} was not uploaded`)
    return one
  })
}

/** A staged file with the content of all parts, of which as few are copied as the storage can do with. */
async function joined(
  caller: Caller,
  { route }: Target,
  id: string,
  uploaded: readonly UploadedPart[],
): Promise<Staged> {
  const { mount } = route
  const parts = await keptParts(mount, id, uploaded)
  let done = 0
  const staged = await stagedFor(caller, async () => {
    const start = await begun(mount, id, parts, caller.signal)
    done = start.joined
    return start.staged
  })
  try {
    for (const one of parts.slice(done)) {
      await using file = await mount.parts.open(id, one)
      await append(caller, staged, file)
    }
    return staged
  } catch (error) {
    caller.staged.delete(staged)
    await staged[Symbol.asyncDispose]()
    throw error
  }
}

async function keptParts(mount: Mount, id: string, parts: readonly UploadedPart[]): Promise<KeptPart[]> {
  const names = new Map((await mount.parts.names(id)).map((kept) => [kept.split('@')[0], kept]))
  return parts.map(({ number, etag, size }) => {
    const name = partName(number, etag)
    return { name: names.get(name) ?? name, size }
  })
}

/** Without copying where the mount can join parts, else with the first, which it may be able to share. */
async function begun(mount: Mount, id: string, parts: readonly KeptPart[], signal: AbortSignal) {
  const [first] = parts
  if (first === undefined) throw new Fault('invalid', 'an upload has at least one part')
  const inPlace = await mount.parts.join(id, parts)
  if (inPlace !== null) return inPlace
  await using from = await mount.parts.open(id, first)
  return { staged: await mount.stage({ from, signal }), joined: 1 }
}

const CHUNK = 1024 * 1024

async function append(caller: Caller, staged: Staged, file: OpenFile): Promise<void> {
  const buffer = Buffer.allocUnsafeSlow(Math.min(CHUNK, Math.max(file.entry.size, 1)))
  for (let position = 0; ; ) {
    checkAlive(caller)
    const got = await file.read(buffer, position)
    if (got === 0) return
    await untilEnd(caller, () => staged.write([buffer.subarray(0, got)], staged.size))
    position += got
  }
}

async function abort(caller: Caller, path: VirtualPath, id: string): Promise<void> {
  const { principal, shared } = caller
  // A Complete that runs takes the parts first.
  using _held = await shared.mutex.hold([`upload:${id}`])
  const { target } = await find(caller, path, id)
  await shared.uploads.remove(principal.siteId, id)
  await followUp(caller, () => target.route.mount.parts.dropAll(id))
}
