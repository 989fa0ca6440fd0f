import type { Neighbours } from '#credentials/ports.ts'
import type { Principal } from '#permissions/principal.ts'
import type { Shared } from './caller.ts'
import type { Mount } from './mount.ts'
import type { Holder, LostRecord, LostStore } from './ports.ts'

/** How long and how much of lost uploads is kept. The oldest of a holder go first. */
export type LostLimits = {
  /** Milliseconds; 0: none is kept. */
  readonly time: number
  /** Uploads and bytes of one key, or of one user without a key. */
  readonly most: number
  readonly bytes: number
}

export const FACTORY_LOST_LIMITS: LostLimits = { time: 86_400_000, most: 32, bytes: 64 * 1024 ** 3 }

/** Lost uploads as all sessions of the process share them. */
export type Lost = {
  readonly store: LostStore
  readonly limits: LostLimits
  /** Of a holder, the newest first; at most a second old. */
  of(siteId: string, holder: Holder): Promise<readonly LostRecord[]>
  /** Something of this holder changed; the neighbours know when it resolves. */
  forget(siteId: string, holder: Holder): Promise<void>
}

const TOPIC = 'lost uploads'
const FRESH_MS = 1_000
const MOST_REMEMBERED = 10_000

/** Every STAT of a session asks: what a holder has is remembered for a moment. */
export function createLost(store: LostStore, limits: LostLimits, neighbours: Neighbours): Lost {
  const known = new Map<string, { readonly at: number; readonly records: Promise<readonly LostRecord[]> }>()
  const nameOf = (siteId: string, holder: Holder) =>
    'keyId' in holder ? `${siteId} key ${holder.keyId}` : `${siteId} user ${holder.userId}`
  neighbours.answer(TOPIC, (name) => {
    known.delete(name)
    return ''
  })
  return {
    store,
    limits,
    of(siteId, holder) {
      const name = nameOf(siteId, holder)
      const found = known.get(name)
      const now = performance.now()
      if (found !== undefined && now - found.at < FRESH_MS) return found.records
      if (known.size >= MOST_REMEMBERED) known.clear()
      const records = store.of(siteId, holder)
      known.set(name, { at: now, records })
      records.catch(() => known.delete(name))
      return records
    },
    async forget(siteId, holder) {
      const name = nameOf(siteId, holder)
      known.delete(name)
      // Whoever does not answer remembers for a second at most.
      await neighbours.ask(TOPIC, name).catch(() => {})
    },
  }
}

/** Null for those whose lost uploads are nobody's: guests share one key, site principals without one none. */
export function holderIn({ kind, key, user }: Principal): Holder | null {
  if (kind === 'guest') return null
  if (key !== null) return { keyId: key.id }
  return user === null ? null : { userId: user.id }
}

type Records = Pick<Shared, 'lost' | 'site'>

/** Drops one; false when somebody else took it. */
export async function dropLost({ lost, site }: Records, record: LostRecord): Promise<boolean> {
  const removed = await lost.store.remove(record.id)
  await lost.forget(record.siteId, record.holder)
  if (!removed) return false
  const { roots } = await site(record.siteId)
  await roots.find((root) => root.record.id === record.place.mountId)?.mount.lost.drop(record.id)
  return true
}

/** Drops those that are too old, or whose key, user or site may not log in any more (REQUIREMENTS.md, R1). */
export async function endLost(shared: Records & Pick<Shared, 'clock'>): Promise<number> {
  const { lost, clock } = shared
  const now = clock.now()
  const ended = await lost.store.ended(now - lost.limits.time, now)
  for (const record of ended) await dropLost(shared, record)
  return ended.length
}

/** Removes files that no record knows of. */
export async function sweepLost({ id, lost }: Mount, store: LostStore): Promise<void> {
  // Names first, then records: what is lost in between has its record before its file.
  const names = await lost.names()
  const known = new Set(names.length === 0 ? [] : await store.ids(id))
  for (const name of names) if (!known.has(name)) await lost.drop(name)
}
