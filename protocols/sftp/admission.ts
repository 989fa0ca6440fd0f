/** Connections that have not logged in: in all, and from one address. */
const MAX_UNKNOWN = 256
const MAX_UNKNOWN_PER_ADDRESS = 32

/** Counts connections, so that those who never log in keep nobody out. */
export type Admission = {
  /** Null when there is no room; otherwise what to call when it logged in, and when it closed. */
  enter(address: string): { readonly known: () => void; readonly left: () => void } | null
}

export function createAdmission(maxConnections: number): Admission {
  const unknown = new Map<string, number>()
  let unknownTotal = 0
  let total = 0

  const forget = (address: string) => {
    unknownTotal -= 1
    const rest = (unknown.get(address) ?? 1) - 1
    if (rest === 0) unknown.delete(address)
    else unknown.set(address, rest)
  }

  return {
    enter(address) {
      const here = unknown.get(address) ?? 0
      if (total >= maxConnections || unknownTotal >= MAX_UNKNOWN || here >= MAX_UNKNOWN_PER_ADDRESS)
        return null
      unknown.set(address, here + 1)
      unknownTotal += 1
      total += 1
      let isKnown = false
      const known = () => {
        if (!isKnown) forget(address)
        isKnown = true
      }
      return {
        known,
        left() {
          known()
          total -= 1
        },
      }
    },
  }
}
