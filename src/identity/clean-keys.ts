import type { KeyRecord } from '#credentials/ports.ts'
import { toFault } from '#faults'
import { type Actor, auditEntry } from './actor.ts'
import { commit, type IdentityDeps } from './deps.ts'
import type { SiteDetails } from './ports.ts'

const KEYS_AT_ONCE = 500
const CLEANER: Actor = { kind: 'command_line' }

/**
 * Removes keys that expired longer ago than their site keeps them (REQUIREMENTS.md, K6); audit entries stay.
 * Resolves to how many. For the server to call hourly.
 */
export async function cleanExpiredKeys(deps: IdentityDeps): Promise<number> {
  let removed = 0
  for (const site of await deps.store.sites()) removed += await cleanSite(deps, site)
  return removed
}

async function cleanSite(deps: IdentityDeps, site: SiteDetails): Promise<number> {
  const { expiredKeyRetention } = site.settings
  if (expiredKeyRetention === null) return 0
  const before = deps.clock.now() - expiredKeyRetention
  let removed = 0
  for (;;) {
    const keys = await deps.store.expiredKeys(site.id, before, KEYS_AT_ONCE)
    if (keys.length === 0 || !(await remove(deps, site, keys, before))) return removed
    removed += keys.length
  }
}

/** False when one of them was given more time meanwhile: they are left to the next hour. */
async function remove(
  deps: IdentityDeps,
  site: SiteDetails,
  keys: readonly KeyRecord[],
  before: number,
): Promise<boolean> {
  const ids = keys.map(({ id }) => id)
  const audit = keys.map(({ id, name }) => {
    const subject = `key ${id} ${name} (expired)`
    // Nobody did it, so it came through no door.
    const entry = auditEntry(deps, CLEANER, { action: 'key.delete', siteId: site.id, subject })
    return { ...entry, door: null }
  })
  try {
    await commit(deps, deps.store.deleteExpiredKeys(site.id, ids, before, audit))
    return true
  } catch (error) {
    if (toFault(error).code === 'precondition') return false
    throw error
  }
}
