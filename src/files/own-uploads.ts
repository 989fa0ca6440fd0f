import type { Clock, Neighbours } from '#credentials/ports.ts'
import type { DoorName } from '#permissions/conditions.ts'
import type { Principal } from '#permissions/principal.ts'
import { hasScopes, type Scopes, scopesOf } from '#permissions/scopes.ts'
import type { Entry } from './types.ts'

/** Which file versions somebody uploaded: all that an upload-only key may replace (REQUIREMENTS.md, S4). */
export type OwnUploads = {
  add(mountId: string, entry: Entry): Promise<void>
  has(mountId: string, entry: Entry): boolean
}

/** True for who may upload but neither list nor read: they replace nothing of others. */
export function isUploadOnly({ scopes }: { readonly scopes: Scopes }): boolean {
  return hasScopes(scopes, scopesOf('files.write')) && (scopes & scopesOf('files.list', 'files.read')) === 0
}

const MOST_IN_A_SESSION = 10_000
const MOST_OF_ALL = 50_000
const REMEMBERED_MS = 3_600_000

/** Makes what a session remembers. A request over HTTP is a session of its own: there the key remembers. */
export type OwnUploadsMemory = {
  of(principal: Principal, at: { readonly door: DoorName; readonly address: string }): OwnUploads
}

const REMEMBERS_NOTHING: OwnUploads = { add: async () => {}, has: () => false }
const CONNECTED: ReadonlySet<DoorName> = new Set<DoorName>(['sftp', 'ftp'])

const TOPIC = 'own uploads'

/** For all sessions of a process. What it remembers for HTTP ends after an hour, and the neighbours know it too. */
export function createOwnUploads(clock: Clock, neighbours: Neighbours): OwnUploadsMemory {
  const shared = createMemory(clock, MOST_OF_ALL, REMEMBERED_MS)
  neighbours.answer(TOPIC, (name) => {
    shared.add(name)
    return ''
  })
  const everywhere: Memory = {
    async add(name) {
      shared.add(name)
      // The upload is done; at worst another process does not know whose it was.
      await neighbours.ask(TOPIC, name).catch(() => {})
    },
    has: shared.has,
  }
  return {
    of(principal, { door, address }) {
      if (!isUploadOnly(principal)) return REMEMBERS_NOTHING
      if (CONNECTED.has(door)) {
        const own = createMemory(clock, MOST_IN_A_SESSION, Number.POSITIVE_INFINITY)
        return within(own, '')
      }
      return within(everywhere, holderOf(principal, address))
    },
  }
}

// All who come without a key share the guest key.
function holderOf({ kind, siteId, key, user }: Principal, address: string): string {
  return `${siteId} ${key?.id ?? ''} ${user?.id ?? ''} ${kind === 'guest' ? address : ''}`
}

type Memory = { add(name: string): void | Promise<void>; has(name: string): boolean }

function within(memory: Memory, holder: string): OwnUploads {
  const nameOf = (mountId: string, { version }: Entry) => `${holder} ${mountId} ${version}`
  return {
    add: async (mountId, entry) => memory.add(nameOf(mountId, entry)),
    has: (mountId, entry) => memory.has(nameOf(mountId, entry)),
  }
}

// The oldest goes first: a Map keeps the order in which names were added.
function createMemory(clock: Clock, most: number, lifetime: number): Memory {
  const addedAt = new Map<string, number>()
  return {
    add(name) {
      addedAt.delete(name)
      addedAt.set(name, clock.now())
      if (addedAt.size <= most) return
      for (const [oldest] of addedAt) {
        addedAt.delete(oldest)
        break
      }
    },
    has(name) {
      const at = addedAt.get(name)
      return at !== undefined && clock.now() - at < lifetime
    },
  }
}
