import { isAbsolute } from 'node:path'
import { Fault } from '#faults'
import type { MountRecord } from '#files/ports.ts'
import { ROOT } from '#permissions/path.ts'
import { type Actor, auditEntry } from './actor.ts'
import { commit, type IdentityDeps, newId } from './deps.ts'
import { checkHost, checkSiteName } from './names.ts'
import type { SiteDetails, SiteSettings } from './ports.ts'

/** What a new site starts with (REQUIREMENTS.md, K6 and K7). */
export const FACTORY_SETTINGS: SiteSettings = {
  defaultKeyLifetime: 30 * 86_400_000,
  allowNeverExpire: true,
  maxKeyLifetime: null,
  newKeysStartDisabled: false,
  usersMayCreateKeys: false,
  allowChosenValues: false,
}

export type SiteInput = {
  readonly name: string
  /** Absolute folder that holds the site's files; it appears at `/`. */
  readonly folder: string
  /** Host names at which connections are for this site. */
  readonly hosts?: readonly string[] | undefined
  /** Flush each upload to disk before it is acknowledged; true unless said otherwise. */
  readonly durable?: boolean | undefined
}

/** Makes a tenant with one local mount. On the command line only. Faults: forbidden, invalid, exists. */
export async function addSite(
  deps: IdentityDeps,
  actor: Actor,
  input: SiteInput,
): Promise<{ site: SiteDetails; mount: MountRecord }> {
  if (actor.kind !== 'command_line') throw new Fault('forbidden', 'sites are made on the command line')
  checkSiteName(input.name)
  if (!isAbsolute(input.folder)) throw new Fault('invalid', 'the folder of a site is an absolute path')
  const hosts = [...new Set((input.hosts ?? []).map(checkHost))]
  if ((await deps.store.siteByName(input.name)) !== null) {
    throw new Fault('exists', `there is a site '${input.name}' already`)
  }
  const site: SiteDetails = {
    id: newId(),
    name: input.name,
    enabled: true,
    conditions: {},
    parentId: null,
    hosts,
    settings: FACTORY_SETTINGS,
    createdAt: deps.clock.now(),
  }
  const mount: MountRecord = {
    id: newId(),
    siteId: site.id,
    path: ROOT,
    type: 'local',
    settings: { root: input.folder, durable: input.durable ?? true },
    readOnly: false,
  }
  const subject = `site ${site.name}`
  const audit = auditEntry(deps, actor, { action: 'site.create', siteId: site.id, subject })
  await commit(deps, deps.store.addSite(site, mount, audit))
  return { site, mount }
}

/** The sites that the actor may know of, oldest first: all of them, or the principal's own. */
export async function listSites(deps: IdentityDeps, actor: Actor): Promise<readonly SiteDetails[]> {
  const sites = (await deps.store.sites()).toSorted((a, b) => a.createdAt - b.createdAt)
  if (actor.kind === 'command_line') return sites
  return sites.filter((site) => site.id === actor.principal.siteId)
}
