import { type Action, decide } from '#permissions/decide.ts'
import { depth, type VirtualPath } from '#permissions/path.ts'
import type { Principal } from '#permissions/principal.ts'
import { keepsTrash, removalOf } from './operations/folders.ts'
import { isUploadOnly } from './own-uploads.ts'
import { isReserved, type Route, type SiteTree } from './site.ts'
import type { Entry, Foreseen, Wish } from './types.ts'

/**
 * Would the principal be allowed to do this (REQUIREMENTS.md, D6)? Asks what the operations ask: the mount of the
 * path, what is there, and `decide()`.
 */
export async function foresee(
  siteOf: (siteId: string) => Promise<SiteTree>,
  principal: Principal,
  wish: Wish,
): Promise<Foreseen> {
  const route = (await siteOf(principal.siteId)).route(wish.path)
  const there = route === null || isReserved(route.inside) ? null : await route.mount.find(route.inside)
  const real = answer(principal, wish, route, there)
  if (real.allow || there === null || maySee(principal, wish, route)) return real
  // Who may not see what is there does not learn of it by the reason either.
  const blind = answer(principal, wish, route, null)
  return blind.allow ? real : blind
}

const READING: ReadonlySet<Action> = new Set<Action>(['list', 'stat', 'read', 'copy_from', 'administer'])
const WRITING: ReadonlySet<Action> = new Set<Action>(['write', 'copy_to', 'rename_to'])
const WHOLE_TREES: ReadonlySet<Action> = new Set<Action>(['delete', 'purge', 'copy_from', 'rename_from'])

function answer(principal: Principal, wish: Wish, route: Route | null, there: Entry | null): Foreseen {
  const { action, path } = wish
  const tree = WHOLE_TREES.has(action) && there?.kind === 'folder'
  const decision = decide(principal, meant(action, path, route, there), path, {
    ...contextOf(wish, route),
    tree,
  })
  if (!decision.allow) return decision
  if (route?.record.readOnly && !READING.has(action)) return { allow: false, reason: 'read_only' }
  if (WRITING.has(action) && there?.kind === 'file' && isUploadOnly(principal)) {
    return { allow: false, reason: 'not_own' }
  }
  return { allow: true }
}

/** What the action is at this place: top-level folders are special, and so are mounts without a trash. */
function meant(action: Action, path: VirtualPath, route: Route | null, there: Entry | null): Action {
  switch (action) {
    case 'delete':
      return removalOf(keepsTrash(route) ? 'delete' : 'purge', path, there)
    case 'purge':
      return removalOf('purge', path, there)
    case 'mkdir':
      return depth(path) === 1 ? 'folder_create' : 'mkdir'
    case 'rename_from':
      return there?.kind === 'folder' && depth(path) === 1 ? 'folder_rename_from' : 'rename_from'
    default:
      return action
  }
}

function contextOf({ door, address, now }: Wish, route: Route | null) {
  return { door, address, now, mount: route === null ? null : route.record.id }
}

function maySee(principal: Principal, wish: Wish, route: Route | null): boolean {
  return decide(principal, 'stat', wish.path, contextOf(wish, route)).allow
}
