import { isDeepStrictEqual } from 'node:util'
import type { FilesLog } from './caller.ts'
import type { Mount } from './mount.ts'
import { createListingCache } from './mounts/local/listing.ts'
import { createLocalMount } from './mounts/local.ts'
import type { MountRecord, MountStore } from './ports.ts'
import { createSiteTree, type SiteTree } from './site.ts'

/** The open mounts of this process, by site. */
export type MountTable = AsyncDisposable & {
  site(siteId: string): Promise<SiteTree>
  /** The site's mounts are read again at the next use. */
  forget(siteId: string): void
  sweep(uploads: () => Promise<ReadonlySet<string>>): Promise<void>
}

export function createMountTable(store: MountStore, log: FilesLog): MountTable {
  const listings = createListingCache()
  const sites = new Map<string, Promise<SiteTree>>()
  const open = new Map<string, { record: MountRecord; mount: Mount }>()
  // Running transfers may still use a mount whose settings changed: it is closed at the end.
  const retired: Mount[] = []

  function mountOf(record: MountRecord): { record: MountRecord; mount: Mount } {
    const known = open.get(record.id)
    if (known && isDeepStrictEqual(known.record.settings, record.settings)) {
      return { record, mount: known.mount }
    }
    if (known) retired.push(known.mount)
    const mounted = { record, mount: openMount(record) }
    open.set(record.id, mounted)
    return mounted
  }

  function openMount({ id, settings }: MountRecord): Mount {
    const onError = (error: unknown) =>
      log.error({ err: error, mount: id }, 'removed files could not be deleted')
    return createLocalMount({ id, ...settings, listings, onError })
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
    async sweep(uploads) {
      for (const record of await store.all()) {
        if (record.readOnly) continue
        try {
          await mountOf(record).mount.sweep(uploads)
        } catch (error) {
          log.warn({ err: error, mount: record.id }, 'a storage could not be swept')
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
