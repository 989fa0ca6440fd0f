import { Fault } from '#faults'
import type { VirtualPath } from '#permissions/path.ts'
import { type Caller, checkAlive, may, permit, record } from '../caller.ts'
import { type Described, findMetadata } from '../find-metadata.ts'
import type { Metadata } from '../metadata.ts'
import { isReserved, nothingThere, outside, type Route, virtualFolder } from '../site.ts'
import type { Entry, OpenFile, Space } from '../types.ts'
import { describedAs } from '../version.ts'
import { locate, locateAll, lookUp } from './places.ts'

export async function stat(caller: Caller, path: VirtualPath): Promise<Entry> {
  const located = await locate(caller, path)
  permit(caller, 'stat', path, located.about)
  const entry = await lookUp(located)
  if (entry !== null && located.route !== null) return outside(located.route.record.path, entry)
  if (path === '/' || located.site.holdsMount(path)) return virtualFolder(path)
  throw nothingThere()
}

export async function open(caller: Caller, path: VirtualPath): Promise<OpenFile> {
  const { route, site, about } = await locate(caller, path)
  permit(caller, 'read', path, about)
  if (route === null || site.holdsMount(path)) throw new Fault('unsupported', 'this is a folder')
  if (isReserved(route.inside)) throw nothingThere()
  const file = await route.mount.open(route.inside)
  if (caller.signal.aborted) await file[Symbol.asyncDispose]()
  checkAlive(caller)
  if (caller.shared.auditReads) record(caller, 'file.read', path)
  return watched(caller, file, outside(route.record.path, file.entry))
}

function watched(caller: Caller, file: OpenFile, entry: Entry): OpenFile {
  const { activity } = caller
  activity.current = entry.path
  const send = file.sendTo?.bind(file)
  return {
    entry,
    ...(send && {
      sendTo(socket, position, end) {
        checkAlive(caller)
        const sent = send(socket, position, end)
        activity.bytesOut += sent ?? 0
        return sent
      },
    }),
    async read(target, position) {
      checkAlive(caller)
      const got = await file.read(target, position)
      activity.bytesOut += got
      return got
    },
    async [Symbol.asyncDispose]() {
      if (activity.current === entry.path) activity.current = null
      await file[Symbol.asyncDispose]()
    },
  }
}

export async function space(caller: Caller, path: VirtualPath): Promise<Space> {
  const { route, about } = await locate(caller, path)
  permit(caller, 'stat', path, about)
  return route === null ? { total: 0, available: 0, used: 0 } : route.mount.space()
}

/** Object metadata of each entry; null for what has none, and for what may not be seen. */
export async function metadata(
  caller: Caller,
  entries: readonly Entry[],
): Promise<readonly (Metadata | null)[]> {
  const found: (Metadata | null)[] = new Array(entries.length).fill(null)
  for (const { route, wanted } of (await filesByMount(caller, entries)).values()) {
    const rows = await findMetadata(caller.shared, route, wanted)
    for (const [i, { index }] of wanted.entries()) found[index] = rows[i] ?? null
  }
  return found
}

type Wanted = { readonly route: Route; readonly wanted: (Described & { readonly index: number })[] }

async function filesByMount(caller: Caller, entries: readonly Entry[]): Promise<Map<string, Wanted>> {
  const byMount = new Map<string, Wanted>()
  const paths = entries.map(({ path }) => path)
  for (const [index, { path, route, about }] of (await locateAll(caller, paths)).entries()) {
    const entry = entries[index]
    if (route === null || entry === undefined) continue
    if (!may(caller, 'stat', path, about) && !may(caller, 'read', path, about)) continue
    const known = byMount.get(route.record.id) ?? { route, wanted: [] }
    byMount.set(route.record.id, known)
    known.wanted.push({ index, path: route.inside, fingerprint: describedAs(entry) })
  }
  return byMount
}
