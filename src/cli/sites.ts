import { Fault } from '#faults'
import type { Actor } from '#identity/actor.ts'
import type { IdentityDeps } from '#identity/deps.ts'
import type { SiteDetails } from '#identity/ports.ts'
import { closest } from './closest.ts'
import { listSites } from './use-cases.ts'

/** The site of this name, or the first one. Fault `not_found`, with the nearest name. */
export async function findSite(
  identity: IdentityDeps,
  actor: Actor,
  wanted: string | undefined,
): Promise<SiteDetails> {
  const sites = await listSites(identity, actor)
  const site = wanted === undefined ? sites[0] : sites.find(({ name }) => name === wanted)
  if (site !== undefined) return site
  if (wanted === undefined)
    throw new Fault('not_found', "there is no site yet; 'latchkey site add' makes one")
  const names = sites.map(({ name }) => name)
  const near = closest(wanted, names)
  const hint = near === null ? '' : `; did you mean '${near}'?`
  throw new Fault('not_found', `there is no site '${wanted}'${hint}`)
}
