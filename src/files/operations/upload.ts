import { Fault } from '#faults'
import { ROOT, type VirtualPath } from '#permissions/path.ts'
import { type Caller, checkAlive, may, permit, record, stagedFor, untilEnd } from '../caller.ts'
import type { Metadata } from '../metadata.ts'
import type { Staged } from '../mount.ts'
import { isUploadOnly } from '../own-uploads.ts'
import type { LostRecord } from '../ports.ts'
import { nothingThere, outside } from '../site.ts'
import type {
  ChangeOptions,
  CommitOptions,
  Entry,
  Received,
  SocketDescriptor,
  StagedUpload,
} from '../types.ts'
import { fingerprintOf } from '../version.ts'
import { Handle } from './handle.ts'
import { checkLocks } from './lock-checks.ts'
import { lose } from './lose.ts'
import {
  changeable,
  checkConditions,
  dropStaleProperties,
  followUp,
  holdPaths,
  locate,
  placeOf,
  type Target,
} from './places.ts'

export async function create(
  caller: Caller,
  path: VirtualPath,
  options: ChangeOptions = {},
): Promise<StagedUpload> {
  const target = await writable(caller, path)
  const there = notFolder(await target.route.mount.findPlace(target.route.inside))
  checkReplaceable(caller, target, there)
  checkConditions(there, options)
  await checkLocks(caller, { path, tokens: options.tokens, member: there === null, early: true })
  const { signal } = caller
  const staged = await stagedFor(caller, () => target.route.mount.stage({ signal }))
  const replaces = seen(caller, target, there)
  const began = { readable: true, base: there?.version ?? null, edits: false, replaces }
  return uploadOf(caller, target, staged, began, options)
}

export async function edit(
  caller: Caller,
  path: VirtualPath,
  options: ChangeOptions = {},
): Promise<StagedUpload> {
  const target = await writable(caller, path)
  const there = notFolder(await target.route.mount.find(target.route.inside))
  if (there === null) throw nothingThere()
  checkReplaceable(caller, target, there)
  await checkLocks(caller, { path, tokens: options.tokens, early: true })
  const { mount, inside } = target.route
  await using source = await mount.open(inside)
  checkReplaceable(caller, target, source.entry)
  checkConditions(source.entry, options)
  const { signal } = caller
  const staged = await stagedFor(caller, () => mount.stage({ from: source, signal }))
  const readable = may(caller, 'read', path, target.about)
  const replaces = seen(caller, target, source.entry)
  const began = { readable, base: source.entry.version, edits: true, replaces }
  return uploadOf(caller, target, staged, began, options)
}

/** What is there, for a caller that may know of it. */
export function seen(caller: Caller, { path, about, route }: Target, there: Entry | null): Entry | null {
  return there !== null && may(caller, 'stat', path, about) ? outside(route.record.path, there) : null
}

/** The place of a file that the caller may write. */
export async function writable(caller: Caller, path: VirtualPath): Promise<Target> {
  const located = await locate(caller, path)
  permit(caller, 'write', path, located.about)
  if (path === ROOT || located.site.holdsMount(path)) throw new Fault('exists', 'a folder is there')
  return changeable(located)
}

function notFolder(there: Entry | null): Entry | null {
  if (there?.kind === 'folder') throw new Fault('exists', 'a folder is there')
  return there
}

/**
 * Fault forbidden where an upload-only principal would change a file that it did not upload itself in this
 * session (REQUIREMENTS.md, S4).
 */
export function checkReplaceable(caller: Caller, { route }: Target, there: Entry | null): void {
  if (there === null || !isUploadOnly(caller.principal)) return
  if (caller.own.has(route.record.id, there)) return
  throw new Fault('forbidden', 'only files of this session can be replaced')
}

/** How an upload began. */
export type Beginning = Pick<LostRecord, 'base' | 'edits'> & {
  readonly replaces: Entry | null
  /** The caller may read what is there already. */
  readonly readable: boolean
}

export function uploadOf(
  caller: Caller,
  target: Target,
  staged: Staged,
  began: Beginning,
  start: ChangeOptions = {},
): StagedUpload {
  return new Upload(caller, target, staged, began, start)
}

class Upload implements StagedUpload {
  readonly path: VirtualPath
  readonly replaces: Entry | null
  readonly #caller: Caller
  readonly #target: Target
  readonly #staged: Staged
  readonly #began: Beginning
  readonly #start: ChangeOptions
  readonly #handle: Handle

  constructor(caller: Caller, target: Target, staged: Staged, began: Beginning, start: ChangeOptions) {
    this.path = target.path
    this.replaces = began.replaces
    this.#caller = caller
    this.#target = target
    this.#staged = staged
    this.#began = began
    this.#start = start
    this.#handle = new Handle(caller, staged, target.path)
  }

  get size(): number {
    return this.#staged.size
  }

  write(chunks: readonly Uint8Array[], position: number): Promise<void> {
    return this.#handle.write(chunks, position)
  }

  receiveFrom(socket: SocketDescriptor, position: number): Received {
    checkAlive(this.#caller)
    const received = this.#staged.receiveFrom(socket, position)
    if (typeof received === 'number') this.#caller.activity.bytesIn += received
    return received
  }

  async read(into: Uint8Array, position: number): Promise<number> {
    checkAlive(this.#caller)
    if (!this.#began.readable) throw new Fault('forbidden', 'this is not allowed')
    return untilEnd(this.#caller, () => this.#staged.read(into, position))
  }

  async truncate(size: number): Promise<void> {
    checkAlive(this.#caller)
    await untilEnd(this.#caller, () => this.#staged.truncate(size))
  }

  async stat(): Promise<Entry> {
    checkAlive(this.#caller)
    const { inside, record } = this.#target.route
    return outside(record.path, await untilEnd(this.#caller, () => this.#staged.stat(inside)))
  }

  commit(options: CommitOptions = {}): Promise<Entry> {
    const conditions = merged(this.#start, options)
    return this.#handle.finish(() => publish(this.#caller, this.#target, this.#staged, conditions))
  }

  async sync(): Promise<void> {
    checkAlive(this.#caller)
    await untilEnd(this.#caller, () => this.#staged.sync())
  }

  lose(size: number): Promise<boolean> {
    return this.#handle.finish(() => lose(this.#caller, this.#target, this.#staged, { ...this.#began, size }))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#handle[Symbol.asyncDispose]()
  }
}

function merged(start: ChangeOptions, end: CommitOptions): CommitOptions {
  return { ...start, ...end, tokens: [...(start.tokens ?? []), ...(end.tokens ?? [])] }
}

/** Makes staged bytes the content of a file, all conditions checked again while nobody else can. */
export async function publish(
  caller: Caller,
  target: Target,
  staged: Staged,
  options: CommitOptions,
): Promise<Entry> {
  checkAlive(caller)
  const { path, route, about } = target
  const { ifAbsent = false, modified, metadata } = options
  permit(caller, 'write', path, about)
  using _held = await holdPaths(caller, [target])
  let isNew = true
  const check = async (found: Entry | null) => {
    const there = notFolder(found === null ? null : await route.mount.asFound(found))
    isNew = there === null
    checkReplaceable(caller, target, there)
    checkConditions(there, options)
    await checkLocks(caller, { path, tokens: options.tokens, member: isNew })
    checkAlive(caller)
  }
  const entry = await untilEnd(caller, () =>
    staged.publish(route.inside, {
      check,
      ifAbsent,
      asChecked: isUploadOnly(caller.principal),
      ...(modified === undefined ? {} : { modified }),
      ...keeping(caller, target, metadata),
    }),
  )
  await caller.own.add(route.record.id, entry)
  if (isNew) await dropStaleProperties(caller, target)
  else await dropOldMetadata(caller, target, entry)
  record(caller, 'file.write', path)
  return outside(route.record.path, entry)
}

/** Writes object metadata for the staged version, before it is visible: a crash in between harms nothing. */
export function keeping(caller: Caller, target: Target, metadata: Metadata | null | undefined) {
  if (!metadata) return {}
  const { shared } = caller
  return {
    before: (fingerprint: Parameters<typeof shared.metadata.put>[1]) =>
      shared.metadata.put(placeOf(target), fingerprint, metadata),
  }
}

/** Removes the metadata of the versions that `entry` replaced. */
export function dropOldMetadata(caller: Caller, target: Target, entry: Entry): Promise<void> {
  return followUp(caller, () => caller.shared.metadata.remove(placeOf(target), fingerprintOf(entry).ino))
}
