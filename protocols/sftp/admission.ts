import { addressGroup } from '#credentials/address-group.ts'

/** Connections that have not logged in: in all, and from one address (IPv6: from one /64). */
const MAX_UNKNOWN = 256
const MAX_UNKNOWN_PER_ADDRESS = 32

export type Place = {
  /** It logged in. */
  readonly known: () => void
  /** It closed. */
  readonly left: () => void
}

/**
 * Counts connections, so that those who never log in keep nobody out: when all places of strangers are taken,
 * the longest waiting one of the address that holds most of them has to go.
 */
export type Admission = {
  /** Null when there is no room. `evict` ends the connection. */
  enter(address: string, evict: () => void): Place | null
}

type Stranger = { readonly evict: () => void }

export function createAdmission(maxConnections: number): Admission {
  // Sets keep the order in which strangers came.
  const strangers = new Map<string, Set<Stranger>>()
  let strangersTotal = 0
  let total = 0

  function forget(group: string, stranger: Stranger): void {
    const here = strangers.get(group)
    if (!here?.delete(stranger)) return
    strangersTotal -= 1
    if (here.size === 0) strangers.delete(group)
  }

  function evictOne(): void {
    let most: [string, Set<Stranger>] | null = null
    for (const entry of strangers) if (most === null || entry[1].size > most[1].size) most = entry
    const [oldest] = most?.[1] ?? []
    if (most === null || oldest === undefined) return
    forget(most[0], oldest)
    oldest.evict()
  }

  return {
    enter(address, evict) {
      const group = addressGroup(address)
      const here = strangers.get(group) ?? new Set()
      if (total >= maxConnections || here.size >= MAX_UNKNOWN_PER_ADDRESS) return null
      if (strangersTotal >= MAX_UNKNOWN) evictOne()
      const stranger = { evict }
      strangers.set(group, here.add(stranger))
      strangersTotal += 1
      total += 1
      return {
        known: () => forget(group, stranger),
        left() {
          forget(group, stranger)
          total -= 1
        },
      }
    },
  }
}
