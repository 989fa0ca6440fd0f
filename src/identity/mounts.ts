import { sep } from 'node:path'
import { Fault } from '#faults'
import { FACTORY_TRASH_DAYS, type MountRecord } from '#files/ports.ts'
import { parsePath } from '#permissions/path.ts'
import { type Actor, administeredSite, auditEntry } from './actor.ts'
import { commit, type IdentityDeps, newId } from './deps.ts'
import { folderFor } from './sites.ts'

export type MountInput = {
  /** Where it appears in the site's tree. */
  readonly path: string
  /** Absolute folder, on the command line only; over the API the server makes an empty one. */
  readonly folder?: string | undefined
  readonly readOnly?: boolean | undefined
  /** Flush each upload to disk before it is acknowledged; true unless said otherwise. */
  readonly durable?: boolean | undefined
  /** For how many days deleted files are kept; 0: not at all. */
  readonly trashDays?: number | undefined
}

const MOST_TRASH_DAYS = 3_650

/** The site's mounts by path. Faults: forbidden, not_found. */
export async function listMounts(
  deps: IdentityDeps,
  actor: Actor,
  siteId: string,
): Promise<readonly MountRecord[]> {
  const site = await administeredSite(deps, actor, siteId)
  return deps.store.mounts(site.id)
}

/** One mount. Faults: forbidden, not_found. */
export async function getMount(
  deps: IdentityDeps,
  actor: Actor,
  siteId: string,
  mountId: string,
): Promise<MountRecord> {
  const site = await administeredSite(deps, actor, siteId)
  return findMount(deps, site.id, mountId)
}

/** Adds a local folder to the site's tree. Faults: forbidden, not_found, invalid, exists. */
export async function addMount(
  deps: IdentityDeps,
  actor: Actor,
  siteId: string,
  input: MountInput,
): Promise<MountRecord> {
  const site = await administeredSite(deps, actor, siteId)
  const path = parsePath(input.path)
  if ((await deps.store.mounts(site.id)).some((mount) => mount.path === path)) {
    throw new Fault('exists', `there is a mount at ${path} already`)
  }
  const root = await folderFor(deps, actor, site.id, input.folder)
  await refuseOverlap(deps, root)
  const mount: MountRecord = {
    id: newId(),
    siteId: site.id,
    path,
    type: 'local',
    settings: { root, durable: input.durable ?? true, trashDays: readTrashDays(input.trashDays) },
    readOnly: input.readOnly ?? false,
  }
  const audit = auditEntry(deps, actor, { action: 'mount.create', siteId: site.id, subject: words(mount) })
  await commit(deps, deps.store.addMount(mount, audit))
  return mount
}

export type MountChanges = {
  /** Lets nothing be changed in the mount, through any door, or lets it again. */
  readonly readOnly?: boolean | undefined
  /** For how many days deleted files are kept, from now on; 0: not at all. */
  readonly trashDays?: number | undefined
}

/** Changes what is named and leaves the rest. Faults: forbidden, not_found, invalid. */
export async function changeMount(
  deps: IdentityDeps,
  actor: Actor,
  siteId: string,
  mountId: string,
  { readOnly, trashDays: days }: MountChanges,
): Promise<MountRecord> {
  const site = await administeredSite(deps, actor, siteId)
  const mount = await findMount(deps, site.id, mountId)
  const trashDays = days === undefined ? undefined : readTrashDays(days)
  const changes = [
    ...(readOnly === undefined ? [] : [readOnly ? 'read-only' : 'writable']),
    ...(trashDays === undefined ? [] : [`keeps deleted files for ${trashDays} days`]),
  ]
  if (changes.length === 0) throw new Fault('invalid', 'there is nothing to change')
  const subject = `${words(mount)}: ${changes.join(', ')}`
  const audit = auditEntry(deps, actor, { action: 'mount.update', siteId: site.id, subject })
  await commit(deps, deps.store.updateMount(site.id, mount.id, { readOnly, trashDays }, audit))
  const settings = trashDays === undefined ? mount.settings : { ...mount.settings, trashDays }
  return { ...mount, readOnly: readOnly ?? mount.readOnly, settings }
}

function readTrashDays(days: number = FACTORY_TRASH_DAYS): number {
  if (Number.isSafeInteger(days) && days >= 0 && days <= MOST_TRASH_DAYS) return days
  throw new Fault('invalid', `deleted files are kept for 0 to ${MOST_TRASH_DAYS} days`)
}

/** Takes a mount out of the tree; its files stay where they are. Faults: forbidden, not_found. */
export async function removeMount(
  deps: IdentityDeps,
  actor: Actor,
  siteId: string,
  mountId: string,
): Promise<MountRecord> {
  const site = await administeredSite(deps, actor, siteId)
  const mount = await findMount(deps, site.id, mountId)
  const audit = auditEntry(deps, actor, { action: 'mount.delete', siteId: site.id, subject: words(mount) })
  await commit(deps, deps.store.removeMount(site.id, mount.id, audit))
  return mount
}

async function findMount(deps: IdentityDeps, siteId: string, mountId: string): Promise<MountRecord> {
  const mount = (await deps.store.mounts(siteId)).find(({ id }) => id === mountId)
  if (mount === undefined) throw new Fault('not_found', `this site has no mount '${mountId}'`)
  return mount
}

// Two mounts on one folder would not know of each other's locks, and show each other's hidden folders.
async function refuseOverlap(deps: IdentityDeps, root: string): Promise<void> {
  const within = (inner: string, outer: string) => `${inner}${sep}`.startsWith(`${outer}${sep}`)
  for (const { settings } of await deps.store.allMounts()) {
    if (!within(root, settings.root) && !within(settings.root, root)) continue
    throw new Fault('invalid', 'this folder lies in, or holds, the folder of another mount')
  }
}

function words({ id, path }: MountRecord): string {
  return `mount ${id} ${path}`
}
