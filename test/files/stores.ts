import type { AuditEntry, AuditLog } from '#audit/ports.ts'
import type { Lock } from '#files/locks.ts'
import type { Fingerprint, Metadata } from '#files/metadata.ts'
import type { MultipartUpload, UploadedPart } from '#files/multipart.ts'
import type {
  LockStore,
  MetadataStore,
  MountRecord,
  MountStore,
  Place,
  PropertyStore,
  TrashRecord,
  TrashStore,
  UploadStore,
  VersionStore,
} from '#files/ports.ts'
import { isWithin, type VirtualPath } from '#permissions/path.ts'
import { lostStore } from './lost-store.ts'
import { propertyStore, versionStore } from './property-stores.ts'

/** Ports of the files layer in memory, for tests. What they hold can be looked at. */
export type MemoryStores = {
  readonly mounts: MountStore & { readonly records: MountRecord[] }
  readonly locks: LockStore & { readonly held: { siteId: string; lock: Lock }[] }
  readonly metadata: MetadataStore & { readonly rows: MetadataRow[] }
  readonly properties: PropertyStore
  readonly versions: VersionStore
  readonly uploads: UploadStore
  readonly trash: TrashStore & { readonly records: TrashRecord[] }
  readonly lost: ReturnType<typeof lostStore>
  readonly audit: AuditLog & { readonly entries: AuditEntry[] }
}

export type MetadataRow = { place: Place; fingerprint: Fingerprint; metadata: Metadata }

export function memoryStores(): MemoryStores {
  const entries: AuditEntry[] = []
  return {
    mounts: mountStore(),
    locks: lockStore(),
    metadata: metadataStore(),
    properties: propertyStore(),
    versions: versionStore(),
    uploads: uploadStore(),
    trash: trashStore(),
    lost: lostStore(),
    audit: { entries, record: (entry) => void entries.push(entry) },
  }
}

function mountStore(): MemoryStores['mounts'] {
  const records: MountRecord[] = []
  return {
    records,
    mountsOf: async (siteId) => records.filter((record) => record.siteId === siteId),
    all: async () => records,
  }
}

function lockStore(): MemoryStores['locks'] {
  const held: { siteId: string; lock: Lock }[] = []
  const keep = (wanted: (one: { siteId: string; lock: Lock }) => boolean) => {
    const kept = held.filter(wanted)
    held.splice(0, held.length, ...kept)
  }
  return {
    held,
    async find(siteId, { paths, below, now }) {
      const isAsked = (path: VirtualPath) =>
        paths.includes(path) || (below !== undefined && isWithin(below, path))
      return held
        .filter((one) => one.siteId === siteId && one.lock.expiresAt > now && isAsked(one.lock.path))
        .map((one) => one.lock)
    },
    insert: async (siteId, lock) => void held.push({ siteId, lock }),
    async extend(siteId, token, expiresAt) {
      for (const one of held) {
        if (one.siteId === siteId && one.lock.token === token) one.lock = { ...one.lock, expiresAt }
      }
    },
    remove: async (siteId, tokens) =>
      keep((one) => one.siteId !== siteId || !tokens.includes(one.lock.token)),
    removeWithin: async (siteId, path) =>
      keep((one) => one.siteId !== siteId || !isWithin(path, one.lock.path)),
    removeExpired: async (now) => keep((one) => one.lock.expiresAt > now),
  }
}

function same(a: Fingerprint, b: Fingerprint): boolean {
  return a.ino === b.ino && a.size === b.size && a.mtimeNs === b.mtimeNs
}

function metadataStore(): MemoryStores['metadata'] {
  const rows: MetadataRow[] = []
  const isAt = (row: MetadataRow, place: Place) =>
    row.place.mountId === place.mountId && row.place.path === place.path
  const isIn = (row: MetadataRow, place: Place) =>
    row.place.mountId === place.mountId && isWithin(place.path, row.place.path)
  return {
    rows,
    find: async (mountId, files) =>
      files.map(({ path, fingerprint }) => {
        const row = rows.find((one) => isAt(one, { mountId, path }) && same(one.fingerprint, fingerprint))
        return row?.metadata ?? null
      }),
    strays: async (mountId, files) =>
      files.map((fingerprint) => {
        const row = rows.find((one) => one.place.mountId === mountId && same(one.fingerprint, fingerprint))
        return row === undefined ? null : { path: row.place.path, metadata: row.metadata }
      }),
    async rehome(from, ino, to) {
      for (const row of rows) {
        if (isAt(row, from) && row.fingerprint.ino === ino) row.place = { ...from, path: to }
      }
    },
    async put(place, fingerprint, metadata) {
      const index = rows.findIndex((row) => isAt(row, place) && row.fingerprint.ino === fingerprint.ino)
      if (index !== -1) rows.splice(index, 1)
      rows.push({ place, fingerprint, metadata })
    },
    async retime(place, from, to) {
      for (const row of rows) if (isAt(row, place) && same(row.fingerprint, from)) row.fingerprint = to
    },
    async move(from, to) {
      for (const row of rows) {
        if (!isIn(row, from)) continue
        const tail = row.place.path.slice(from.path.length)
        row.place = { mountId: to.mountId, path: `${to.path}${tail}` as VirtualPath }
      }
    },
    async remove(place, except) {
      const kept = rows.filter((row) => !isIn(row, place) || row.fingerprint.ino === except)
      rows.splice(0, rows.length, ...kept)
    },
  }
}

function uploadStore(): UploadStore {
  const uploads = new Map<string, { siteId: string; upload: MultipartUpload; parts: UploadedPart[] }>()
  return {
    insert: async (siteId, upload) => void uploads.set(upload.id, { siteId, upload, parts: [] }),
    async get(siteId, id) {
      const found = uploads.get(id)
      return found?.siteId === siteId ? found.upload : null
    },
    list: async (siteId, folder, page) =>
      [...uploads.values()]
        .filter((one) => one.siteId === siteId && isWithin(folder, one.upload.path))
        .map((one) => one.upload)
        .filter(({ path }) => path.startsWith(`${folder === '/' ? '' : folder}/${page?.prefix ?? ''}`))
        .sort(byPlace)
        .filter((one) => page?.after === undefined || isBehind(one, page.after))
        .slice(0, page?.limit),
    abandoned: async (before, limit) =>
      [...uploads.values()]
        .filter(({ upload }) => upload.startedAt < before)
        .filter(({ parts }) => parts.every(({ modified }) => modified < before))
        .sort((a, b) => a.upload.startedAt - b.upload.startedAt)
        .slice(0, limit),
    async putPart(uploadId, part) {
      const found = uploads.get(uploadId)
      if (found === undefined) return
      found.parts = [...found.parts.filter((one) => one.number !== part.number), part]
      found.parts.sort((a, b) => a.number - b.number)
    },
    parts: async (uploadId, page) =>
      (uploads.get(uploadId)?.parts ?? [])
        .filter(({ number }) => number > (page?.after ?? 0))
        .slice(0, page?.limit),
    remove: async (_siteId, id) => void uploads.delete(id),
    ids: async () => [...uploads.keys()],
  }
}

function byPlace(a: MultipartUpload, b: MultipartUpload): number {
  return Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)) || (a.id < b.id ? -1 : 1)
}

function isBehind({ path, id }: MultipartUpload, after: { path: string; id?: string }): boolean {
  const order = Buffer.compare(Buffer.from(path), Buffer.from(after.path))
  return order > 0 || (order === 0 && after.id !== undefined && id > after.id)
}

function trashStore(): MemoryStores['trash'] {
  const records: TrashRecord[] = []
  const isIn = ({ place }: TrashRecord, { mountId, path }: Place) =>
    place.mountId === mountId && isWithin(path, place.path)
  return {
    records,
    insert: async (record) => void records.push(record),
    get: async (mountIds, id) =>
      records.find((one) => one.id === id && mountIds.includes(one.place.mountId)) ?? null,
    list: async (places, { before, limit }) =>
      records
        .filter((one) => places.some((place) => isIn(one, place)))
        .filter(({ id }) => before === undefined || id < before)
        .sort((a, b) => (a.id < b.id ? 1 : -1))
        .slice(0, limit),
    older: async (mountId, deletedBefore, limit) =>
      records
        .filter(({ place, deletedAt }) => place.mountId === mountId && deletedAt < deletedBefore)
        .sort((a, b) => a.deletedAt - b.deletedAt)
        .slice(0, limit),
    async remove(ids) {
      const kept = records.filter(({ id }) => !ids.includes(id))
      records.splice(0, records.length, ...kept)
    },
  }
}
