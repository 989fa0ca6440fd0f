import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { Activity } from '#credentials/gate.ts'
import type { FaultCode } from '#faults'
import type { Metadata } from '#files/metadata.ts'
import { createFileService, type FileService } from '#files/service.ts'
import type { Files } from '#files/types.ts'
import type { DoorName } from '#permissions/conditions.ts'
import { ALL_RIGHTS, type Rights } from '#permissions/grants.ts'
import { parsePath, ROOT } from '#permissions/path.ts'
import type { Principal } from '#permissions/principal.ts'
import { ALL_SCOPES } from '#permissions/scopes.ts'
import { type MemoryStores, memoryStores } from './stores.ts'

export type Caller = {
  readonly files: Files
  readonly activity: Activity
  revoke(): void
}

export type CallerOptions = Partial<Omit<Principal, 'grants'>> & {
  address?: string
  grants?: readonly { path: string; rights: Rights; recursive?: boolean }[]
  door?: DoorName
  /** Key id; default `k`. */
  id?: string
}

/** The files layer on a temporary folder, with its ports in memory. */
export type FilesWorld = AsyncDisposable & {
  readonly root: string
  readonly stores: MemoryStores
  readonly service: FileService
  readonly clock: { now(): number; advance(ms: number): void }
  readonly errors: unknown[]
  /** A session; default: an administrator's key with all scopes and a grant on everything. */
  as(options?: CallerOptions): Caller
  /** Names in staging, of all processes. */
  staged(): Promise<string[]>
  /** A second service on the same folder and stores, as after a restart. */
  restart(): FileService
}

export async function startFiles(
  options: {
    durable?: boolean
    mounts?: readonly string[]
    readOnly?: boolean
    /** Default: what the factory says. */
    trashDays?: number
  } = {},
): Promise<FilesWorld> {
  const base = await mkdtemp(join(tmpdir(), 'latchkey-files-'))
  const stores = memoryStores()
  const { durable = false, mounts = ['/'], readOnly = false, trashDays } = options
  for (const [index, path] of mounts.entries()) {
    const root = join(base, `mount-${index}`)
    await mkdir(root)
    stores.mounts.records.push({
      id: `m${index}`,
      siteId: 's',
      path: parsePath(path),
      type: 'local',
      settings: { root, durable, ...(trashDays === undefined ? {} : { trashDays }) },
      readOnly,
    })
  }
  let now = 1_700_000_000_000
  const advance = (ms: number) => {
    now += ms
  }
  const clock = { now: () => now, advance }
  const errors: unknown[] = []
  const log = {
    warn: (fields: object) => void errors.push(fields),
    error: (fields: object) => void errors.push(fields),
  }
  const start = () => createFileService({ ...stores, clock, log })
  const services = [start()]
  const root = join(base, 'mount-0')
  return {
    root,
    stores,
    clock,
    errors,
    service: services[0] ?? start(),
    as: (given) => callerOf(services[0] ?? start(), given),
    staged: async () =>
      (await readdir(join(root, '.latchkey/staging'), { recursive: true }).catch(() => [])).filter((name) =>
        name.includes('/'),
      ),
    restart() {
      const service = start()
      services.push(service)
      return service
    },
    async [Symbol.asyncDispose]() {
      for (const service of services) await service[Symbol.asyncDispose]()
      await rm(base, { recursive: true })
    },
  }
}

export function callerOf(service: FileService, options: CallerOptions = {}): Caller {
  const { grants, door = 'rest', id = 'k', address = '192.0.2.1', ...rest } = options
  const controller = new AbortController()
  const activity: Activity = { bytesIn: 0, bytesOut: 0, current: null }
  const principal: Principal = {
    kind: 'user',
    siteId: 's',
    siteName: 's',
    user: { id: `user-${id}`, name: id },
    key: { id, name: id },
    role: 'administrator',
    scopes: ALL_SCOPES,
    basePath: ROOT,
    storages: null,
    conditions: [],
    expiresAt: null,
    ...rest,
    grants: (grants ?? [{ path: '/', rights: ALL_RIGHTS }]).map((grant) => ({
      path: parsePath(grant.path),
      rights: grant.rights,
      recursive: grant.recursive ?? true,
    })),
  }
  const connection = { door, address, signal: controller.signal, activity }
  return { files: service.openFor(principal, connection), activity, revoke: () => controller.abort() }
}

export const at = parsePath

export async function put(files: Files, path: string, text: string): Promise<void> {
  await using upload = await files.create(parsePath(path))
  await upload.write([Buffer.from(text)], 0)
  await upload.commit()
}

export async function get(files: Files, path: string): Promise<string> {
  await using file = await files.open(parsePath(path))
  const target = Buffer.alloc(file.entry.size)
  return target.subarray(0, await file.read(target, 0)).toString()
}

export async function names(files: Files, folder: string): Promise<string[]> {
  const all: string[] = []
  for await (const entries of files.listAll(parsePath(folder))) {
    for (const entry of entries) all.push(entry.kind === 'folder' ? `${entry.name}/` : entry.name)
  }
  return all
}

/** Expects the work to end with this fault. */
export async function expectFault(work: Promise<unknown>, code: FaultCode): Promise<void> {
  await expect(work).rejects.toMatchObject({ name: 'Fault', code })
}

export function metadataWith(etag: string): Metadata {
  return { etag, headers: {}, user: {}, tags: {}, checksums: {}, parts: [] }
}
