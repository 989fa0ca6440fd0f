import type { Action } from '#permissions/decide.ts'
import { childOf, depth, ROOT, type VirtualPath } from '#permissions/path.ts'
import { type Caller, may } from '../caller.ts'
import { isReserved } from '../site.ts'
import type { Entry, EntryRights } from '../types.ts'
import { keepsTrash, removalOf } from './folders.ts'
import { type Located, locateAll } from './places.ts'

/** What may be done with each entry, in their order: decided as each operation is, locks and emptiness aside. */
export async function rights(caller: Caller, entries: readonly Entry[]): Promise<readonly EntryRights[]> {
  const places = await locateAll(
    caller,
    entries.map(({ path }) => path),
  )
  return entries.map((entry, at) => rightsAt(caller, places[at], entry))
}

function rightsAt(caller: Caller, located: Located | undefined, { kind, path }: Entry): EntryRights {
  if (located === undefined) return NOTHING
  const { about, route, site } = located
  const isFolder = kind === 'folder'
  const asked = (action: Action, tree = false) => may(caller, action, path, { ...about, tree })
  const changes = route !== null && !route.record.readOnly && !isReserved(route.inside)
  const stays = path === ROOT || route?.inside === ROOT || site.holdsMount(path)
  const moves = changes && !stays
  const removal = removalOf(keepsTrash(route) ? 'delete' : 'purge', path, { kind })
  const members = changes && isFolder ? memberRights(caller, located) : NOTHING
  return {
    ...members,
    list: isFolder && asked('list'),
    read: !isFolder && asked('read'),
    write: !isFolder && changes && asked('write'),
    remove: moves && asked(removal),
    rename: moves && asked(isFolder && depth(path) === 1 ? 'folder_rename_from' : 'rename_from', isFolder),
  }
}

const NOTHING: EntryRights = {
  list: false,
  read: false,
  write: false,
  remove: false,
  rename: false,
  addFiles: false,
  addFolders: false,
  removeFiles: false,
}

/** Stands for a name that nothing is said of: rights that reach a folder need not reach what is in it. */
const ANY_NAME = '\u{10fffd}'

function memberRights(caller: Caller, { path, about, route }: Located): EntryRights {
  const member = memberOf(path)
  if (member === null) return NOTHING
  const asked = (action: Action) => may(caller, action, member, about)
  return {
    ...NOTHING,
    addFiles: asked('write'),
    addFolders: asked(depth(member) === 1 ? 'folder_create' : 'mkdir'),
    removeFiles: asked(keepsTrash(route) ? 'delete' : 'purge'),
  }
}

/** Null where no name is short enough. */
function memberOf(folder: VirtualPath): VirtualPath | null {
  try {
    return childOf(folder, ANY_NAME)
  } catch {
    return null
  }
}
