import { Fault } from '#faults'
import { isBelow, isWithin, parentOf, ROOT, type VirtualPath } from '#permissions/path.ts'
import { type Caller, holderOf } from '../caller.ts'
import type { Lock } from '../locks.ts'

/** What is about to change, and which lock tokens were submitted. */
export type Change = {
  readonly path: VirtualPath
  readonly tokens: readonly string[] | undefined
  /** The name appears or goes: a lock on the folder itself binds too (RFC 4918 §7.4). */
  readonly member?: boolean
  /** All that lies below changes too. */
  readonly tree?: boolean
  /** Nothing changes yet: it is checked again when it does. */
  readonly early?: boolean
}

/** Fault locked unless each lock that binds the change was submitted by its holder. */
export async function checkLocks(caller: Caller, ...changes: readonly Change[]): Promise<void> {
  for (const change of changes) {
    const { path, tree = false, early = false } = change
    const locks = await locksAround(caller, path, { below: tree, early })
    const bound = locks.filter((lock) => binds(lock, change))
    if (bound.length > 0 && !allHeld(bound, holderOf(caller), change.tokens ?? [])) {
      throw new Fault('locked', 'this is locked')
    }
  }
}

/** Unexpired locks on a path and the folders above it; with `below`, also below it. */
export function locksAround(
  { principal, shared }: Caller,
  path: VirtualPath,
  { below = false, early = false }: { readonly below?: boolean; readonly early?: boolean } = {},
): Promise<readonly Lock[]> {
  const query = { paths: [path, ...ancestors(path)], now: shared.clock.now(), early }
  return shared.locks.find(principal.siteId, below ? { ...query, below: path } : query)
}

export function ancestors(path: VirtualPath): VirtualPath[] {
  const above: VirtualPath[] = []
  for (let at = path; at !== ROOT; ) {
    at = parentOf(at)
    above.push(at)
  }
  return above
}

/** True when the lock is on `path`, or on a folder above it with all below. */
export function coversPath(lock: Lock, path: VirtualPath): boolean {
  return lock.path === path || (lock.reach === 'tree' && isWithin(lock.path, path))
}

function binds(lock: Lock, { path, member, tree }: Change): boolean {
  if (coversPath(lock, path)) return true
  if (member && lock.path === parentOf(path)) return true
  return tree === true && isBelow(path, lock.path)
}

// One token of several shared locks on the same resource is enough.
function allHeld(bound: readonly Lock[], holder: string, tokens: readonly string[]): boolean {
  const isHeld = (lock: Lock) => lock.holder === holder && tokens.includes(lock.token)
  return bound.every(
    (lock) =>
      isHeld(lock) || (lock.scope === 'shared' && bound.some((o) => o.path === lock.path && isHeld(o))),
  )
}
