import { isAbsolute } from 'node:path'
import { Fault } from '#faults'
import type { MountRecord } from '#files/ports.ts'
import { ROOT } from '#permissions/path.ts'
import { type Actor, administeredSite, auditEntry, overseenSite, seesBelow, siteFor } from './actor.ts'
import { type ConditionsInput, mergeConditions } from './condition-rules.ts'
import { commit, type IdentityDeps, newId } from './deps.ts'
import { checkHost, checkSiteName } from './names.ts'
import type { SiteDetails, SitePatch } from './ports.ts'
import { FACTORY_SETTINGS, mergeSettings, type SettingsInput } from './settings.ts'

export type SiteInput = {
  readonly name: string
  /** Absolute folder that holds the site's files; it appears at `/`. On the command line only. */
  readonly folder?: string | undefined
  /** Host names at which connections are for this site. */
  readonly hosts?: readonly string[] | undefined
  /** Flush each upload to disk before it is acknowledged; true unless said otherwise. */
  readonly durable?: boolean | undefined
  /** Id of the site above it (REQUIREMENTS.md, U4). */
  readonly parentId?: string | undefined
}

/** Changes to a site: absent leaves as it is. */
export type SiteChanges = {
  readonly name?: string | undefined
  readonly enabled?: boolean | undefined
  readonly hosts?: readonly string[] | undefined
  /** Null: no site above it. */
  readonly parentId?: string | null | undefined
  readonly settings?: SettingsInput | undefined
  readonly conditions?: ConditionsInput | undefined
}

/**
 * Makes a tenant with one local mount: on the command line, or by an administrator of the parent site, for
 * whom the server makes the folder. Faults: forbidden, not_found, invalid, exists.
 */
export async function addSite(
  deps: IdentityDeps,
  actor: Actor,
  input: SiteInput,
): Promise<{ site: SiteDetails; mount: MountRecord }> {
  const parentId = await parentOfNew(deps, actor, input.parentId)
  checkSiteName(input.name)
  const hosts = readHosts(input.hosts ?? [])
  if ((await deps.store.siteByName(input.name)) !== null) {
    throw new Fault('exists', `there is a site '${input.name}' already`)
  }
  const site: SiteDetails = {
    id: newId(),
    name: input.name,
    enabled: true,
    conditions: {},
    parentId,
    hosts,
    settings: FACTORY_SETTINGS,
    createdAt: deps.clock.now(),
  }
  const root = await folderFor(deps, actor, site.id, input.folder)
  const durable = input.durable ?? true
  const mount: MountRecord = {
    id: newId(),
    siteId: site.id,
    path: ROOT,
    type: 'local',
    settings: { root, durable },
    readOnly: false,
  }
  const subject = `site ${site.name}`
  const audit = auditEntry(deps, actor, { action: 'site.create', siteId: site.id, subject })
  await commit(deps, deps.store.addSite(site, mount, audit))
  return { site, mount }
}

/** The folder of a new mount: what the command line names, or an empty one that the server makes. */
export async function folderFor(
  deps: IdentityDeps,
  actor: Actor,
  siteId: string,
  folder: string | undefined,
): Promise<string> {
  if (folder === undefined && deps.newFolder !== undefined) return deps.newFolder(siteId)
  if (actor.kind !== 'command_line') {
    throw new Fault('forbidden', 'folders of this machine are named on the command line only')
  }
  if (folder === undefined || !isAbsolute(folder))
    throw new Fault('invalid', 'the folder is an absolute path')
  return folder
}

/** The sites that the actor may know of, oldest first: all of them, the principal's own, or those below too. */
export async function listSites(deps: IdentityDeps, actor: Actor): Promise<readonly SiteDetails[]> {
  return (await knownSites(deps, actor)).toSorted((a, b) => a.createdAt - b.createdAt)
}

async function knownSites(deps: IdentityDeps, actor: Actor): Promise<readonly SiteDetails[]> {
  if (actor.kind === 'command_line') return deps.store.sites()
  const { siteId } = actor.principal
  if (seesBelow(actor.principal)) return deps.store.sitesWithin(siteId)
  return [await siteFor(deps, actor, siteId)]
}

/**
 * Changes a site. Its own administrators change settings and conditions; name, hosts, state and parent are
 * for those above it. Faults: forbidden, not_found, invalid, exists.
 */
export async function updateSite(
  deps: IdentityDeps,
  actor: Actor,
  siteId: string,
  changes: SiteChanges,
): Promise<SiteDetails> {
  const { name, enabled, hosts, parentId, settings, conditions } = changes
  const above = [name, enabled, hosts, parentId].some((change) => change !== undefined)
  const site = await (above ? overseenSite : administeredSite)(deps, actor, siteId)
  if (name !== undefined) checkSiteName(name)
  if (parentId !== undefined) await checkParent(deps, actor, parentId)
  const patch: SitePatch = {
    ...(name !== undefined && { name }),
    ...(enabled !== undefined && { enabled }),
    ...(hosts !== undefined && { hosts: readHosts(hosts) }),
    ...(parentId !== undefined && { parentId }),
    ...(settings !== undefined && { settings: mergeSettings(site.settings, settings) }),
    ...(conditions !== undefined && { conditions: mergeConditions(site.conditions, conditions) }),
  }
  const audit = auditEntry(deps, actor, { ...describe(site, patch), siteId: site.id })
  await commit(deps, deps.store.updateSite(site.id, patch, audit))
  return { ...site, ...patch }
}

/**
 * Removes a site with its users, groups, keys and grants; its files stay on disk. `confirm` is its name: this
 * cannot be undone. Faults: forbidden, not_found, invalid, not_empty (it has child sites).
 */
export async function deleteSite(
  deps: IdentityDeps,
  actor: Actor,
  siteId: string,
  confirm: string,
): Promise<SiteDetails> {
  const site = await overseenSite(deps, actor, siteId)
  if (confirm !== site.name) throw new Fault('invalid', 'to delete a site, confirm it by its name')
  const subject = `site ${site.name}`
  const entry = auditEntry(deps, actor, { action: 'site.delete', siteId: site.id, subject })
  await commit(deps, deps.store.deleteSite(site.id, { ...entry, siteName: site.name }))
  return site
}

async function parentOfNew(
  deps: IdentityDeps,
  actor: Actor,
  parentId: string | undefined,
): Promise<string | null> {
  if (parentId !== undefined) await checkParent(deps, actor, parentId)
  if (actor.kind === 'command_line') return parentId ?? null
  if (parentId === undefined || !seesBelow(actor.principal)) {
    throw new Fault('forbidden', 'sites are made on the command line, or below an administrator’s own site')
  }
  return parentId
}

async function checkParent(deps: IdentityDeps, actor: Actor, parentId: string | null): Promise<void> {
  if (parentId !== null) await administeredSite(deps, actor, parentId)
  else if (actor.kind !== 'command_line') {
    throw new Fault('forbidden', 'a site is taken from below its parent on the command line')
  }
}

function readHosts(hosts: readonly string[]): string[] {
  return [...new Set(hosts.map(checkHost))]
}

function describe(site: SiteDetails, patch: SitePatch) {
  const fields = Object.keys(patch)
  if (patch.enabled !== undefined && fields.length === 1) {
    return { action: patch.enabled ? 'site.enable' : 'site.disable', subject: `site ${site.name}` } as const
  }
  const renamed = patch.name === undefined ? '' : ` to ${patch.name}`
  return { action: 'site.update', subject: `site ${site.name}: ${fields.join(', ')}${renamed}` } as const
}
