import type { FilesLog } from './caller.ts'
import { keepingVersions } from './kept-versions.ts'
import type { Mount } from './mount.ts'
import { createListingCache } from './mounts/local/listing.ts'
import { createLocalMount } from './mounts/local.ts'
import type { MountRecord, MountStore, VersionStore } from './ports.ts'
import { createSiteTree, type SiteTree } from './site.ts'

/** The open mounts of this process, by site. */
export type MountTable = AsyncDisposable & {
  site(siteId: string): Promise<SiteTree>
  /** The site's mounts are read again at the next use. */
  forget(siteId: string): void
  /** Works on each mount that can be changed; one that fails does not keep it from the others. */
  each(work: (mounted: Mounted) => Promise<void>): Promise<void>
}

export type Mounted = { readonly record: MountRecord; readonly mount: Mount }

/** Opens a storage. `onError` hears what goes wrong in the background. */
export type OpenMount = (record: MountRecord, onError: (error: unknown) => void) => Mount

/** Opens folders of this machine. */
export function localMounts(): OpenMount {
  const listings = createListingCache()
  return ({ id, settings: { root, durable } }, onError) =>
    createLocalMount({ id, root, durable, listings, onError })
}

export type MountTableDeps = {
  readonly store: MountStore
  readonly versions: VersionStore
  readonly log: FilesLog
  readonly openMount: OpenMount
}

export function createMountTable({ store, versions, log, openMount }: MountTableDeps): MountTable {
  const sites = new Map<string, Promise<SiteTree>>()
  const open = new Map<string, Mounted>()
  // Running transfers may still use a mount whose settings changed: it is closed at the end.
  const retired: Mount[] = []

  function mountOf(record: MountRecord): Mounted {
    const known = open.get(record.id)
    if (known && isSameStorage(known.record, record)) return { record, mount: known.mount }
    if (known) retired.push(known.mount)
    const mounted = { record, mount: opened(record) }
    open.set(record.id, mounted)
    return mounted
  }

  function opened(record: MountRecord): Mount {
    const onError = (error: unknown) =>
      log.error({ err: error, mount: record.id }, 'removed files could not be deleted')
    return keepingVersions(openMount(record, onError), versions)
  }

  async function read(siteId: string): Promise<SiteTree> {
    const records = await store.mountsOf(siteId)
    return createSiteTree(records.map(mountOf))
  }

  return {
    site(siteId) {
      const known = sites.get(siteId)
      if (known) return known
      const reading = read(siteId)
      sites.set(siteId, reading)
      reading.catch(() => {
        if (sites.get(siteId) === reading) sites.delete(siteId)
      })
      return reading
    },
    forget: (siteId) => void sites.delete(siteId),
    async each(work) {
      for (const record of await store.all()) {
        if (record.readOnly) continue
        try {
          await work(mountOf(record))
        } catch (error) {
          log.warn({ err: error, mount: record.id }, 'a storage could not be cleaned')
        }
      }
    },
    async [Symbol.asyncDispose]() {
      for (const mount of [...retired, ...[...open.values()].map((one) => one.mount)]) {
        await mount[Symbol.asyncDispose]()
      }
    },
  }
}

function isSameStorage(a: MountRecord, b: MountRecord): boolean {
  return a.settings.root === b.settings.root && a.settings.durable === b.settings.durable
}
