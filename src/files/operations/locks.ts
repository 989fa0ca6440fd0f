import { randomUUID } from 'node:crypto'
import { Fault } from '#faults'
import { isBelow, type VirtualPath } from '#permissions/path.ts'
import { type Caller, holderOf, may, permit, record, stagedFor, untilEnd } from '../caller.ts'
import type { Lock, Locks } from '../locks.ts'
import { ancestors, checkLocks, coversPath, locksAround } from './lock-checks.ts'
import { changeable, checkParent, locate, locateAll, lookUp, type Target } from './places.ts'
import { checkReplaceable, writable } from './upload.ts'

const LONGEST_SECONDS = 24 * 3600

export function locksFor(caller: Caller): Locks {
  return {
    covering: (path) => covering(caller, path),
    coveringAll: (paths) => coveringAll(caller, paths),
    take: (path, wanted) => take(caller, path, wanted),
    refresh: (path, token, seconds) => refresh(caller, path, token, seconds),
    release: (path, token) => release(caller, path, token),
  }
}

async function covering(caller: Caller, path: VirtualPath): Promise<readonly Lock[]> {
  const { about } = await locate(caller, path)
  permit(caller, may(caller, 'write', path, about) ? 'write' : 'stat', path, about)
  const locks = await locksAround(caller, path)
  return locks.filter((lock) => coversPath(lock, path))
}

async function coveringAll(
  caller: Caller,
  paths: readonly VirtualPath[],
): Promise<ReadonlyMap<VirtualPath, readonly Lock[]>> {
  const located = await locateAll(caller, paths)
  const visible = located.flatMap(({ path, about }) => (may(caller, 'stat', path, about) ? [path] : []))
  const around = [...new Set(visible.flatMap((path) => [path, ...ancestors(path)]))]
  const { principal, shared } = caller
  const locks = await shared.locks.find(principal.siteId, { paths: around, now: shared.clock.now() })
  return new Map(visible.map((path) => [path, locks.filter((lock) => coversPath(lock, path))]))
}

async function take(
  caller: Caller,
  path: VirtualPath,
  wanted: Parameters<Locks['take']>[1],
): Promise<{ lock: Lock; created: boolean }> {
  const located = await locate(caller, path)
  permit(caller, 'write', path, located.about)
  const target = changeable(located)
  const { principal, shared } = caller
  // One at a time in a site, so that two cannot both find the way free.
  using _held = await shared.mutex.hold([`locks:${principal.siteId}`])
  await checkFree(caller, path, wanted)
  const created = await makeMissing(caller, target, wanted.tokens)
  const lock: Lock = {
    token: `urn:uuid:${randomUUID()}`,
    path,
    reach: wanted.reach,
    scope: wanted.scope,
    holder: holderOf(caller),
    owner: wanted.owner,
    expiresAt: expiry(caller, wanted.seconds),
  }
  await shared.locks.insert(principal.siteId, lock)
  return { lock, created }
}

function expiry({ shared }: Caller, seconds: number): number {
  return shared.clock.now() + Math.min(Math.max(seconds, 1), LONGEST_SECONDS) * 1000
}

async function checkFree(
  caller: Caller,
  path: VirtualPath,
  wanted: Pick<Lock, 'reach' | 'scope'>,
): Promise<void> {
  const isTree = wanted.reach === 'tree'
  const locks = await locksAround(caller, path, { below: isTree })
  const conflict = locks.some(
    (lock) =>
      (coversPath(lock, path) || (isTree && isBelow(path, lock.path))) &&
      (lock.scope === 'exclusive' || wanted.scope === 'exclusive'),
  )
  if (conflict) throw new Fault('locked', 'this is locked')
}

// RFC 4918 §7.3: locking a name that is free makes an empty file.
async function makeMissing(
  caller: Caller,
  target: Target,
  tokens: readonly string[] | undefined,
): Promise<boolean> {
  const { path, route } = target
  const there = await lookUp(target)
  checkReplaceable(caller, target, there)
  if (there !== null || target.site.holdsMount(path)) return false
  await writable(caller, path)
  await checkParent(target)
  await checkLocks(caller, { path, tokens, member: true })
  const { signal } = caller
  const staged = await stagedFor(caller, () => route.mount.stage({ signal }))
  try {
    const entry = await untilEnd(caller, () => staged.publish(route.inside, { ifAbsent: true }))
    await caller.own.add(route.record.id, entry)
    record(caller, 'file.write', path)
    return true
  } catch (error) {
    if (error instanceof Fault && error.code === 'precondition') return false
    throw error
  } finally {
    caller.staged.delete(staged)
    await staged[Symbol.asyncDispose]()
  }
}

async function refresh(caller: Caller, path: VirtualPath, token: string, seconds: number): Promise<Lock> {
  const lock = await ownLock(caller, path, token)
  if (lock === undefined || lock.holder !== holderOf(caller)) {
    throw new Fault('precondition', 'no such lock here')
  }
  const expiresAt = expiry(caller, seconds)
  await caller.shared.locks.extend(caller.principal.siteId, token, expiresAt)
  return { ...lock, expiresAt }
}

async function release(caller: Caller, path: VirtualPath, token: string): Promise<void> {
  const lock = await ownLock(caller, path, token)
  if (lock === undefined) throw new Fault('precondition', 'no such lock here')
  if (lock.holder !== holderOf(caller)) throw new Fault('forbidden', 'the lock is not yours')
  await caller.shared.locks.remove(caller.principal.siteId, [token])
}

async function ownLock(caller: Caller, path: VirtualPath, token: string): Promise<Lock | undefined> {
  const { about } = await locate(caller, path)
  permit(caller, 'write', path, about)
  const locks = await locksAround(caller, path)
  return locks.find((lock) => lock.token === token && coversPath(lock, path))
}
