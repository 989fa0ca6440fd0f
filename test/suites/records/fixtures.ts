import type { AuditEntry } from '#audit/ports.ts'
import type { Change, KeyRecord } from '#credentials/ports.ts'
import type { Metadata } from '#files/metadata.ts'
import type { MountRecord } from '#files/ports.ts'
import type { GrantDetails, NewKey, NewKeyValue, SiteDetails, UserDetails } from '#identity/ports.ts'
import { parsePath, ROOT } from '#permissions/path.ts'
import type { Engine } from '#records/engine.ts'
import type { Records, RecordsOptions } from '#records/open.ts'

/** An empty database of one engine. Each `open` is a process of its own; all are closed with it. */
export type TestDatabase = AsyncDisposable & {
  open(options?: Partial<RecordsOptions>): Promise<Records>
  /** For arranging and inspecting rows past the ports. */
  engine(): Promise<Engine>
}
export type MakeDatabase = () => Promise<TestDatabase>

export const NOW = 1_764_000_000_000

export const AUDIT: AuditEntry = {
  at: NOW,
  action: 'key.update',
  outcome: 'ok',
  reason: '',
  siteId: 's1',
  userId: 'u1',
  userName: 'ann',
  keyId: null,
  keyName: null,
  door: 'command_line',
  address: null,
  subject: 'first',
}

/** An entry that no table takes: whatever is written together with it must not stay. */
export const BROKEN_AUDIT: AuditEntry = JSON.parse(JSON.stringify({ ...AUDIT, subject: null }))

export function site(changes: Partial<SiteDetails> = {}): SiteDetails {
  return {
    id: 's1',
    name: 'main',
    enabled: true,
    conditions: { allow: ['10.0.0.0/8'] },
    parentId: null,
    hosts: ['Files.Example', 'b.example'],
    settings: {
      defaultKeyLifetime: 2_592_000_000,
      allowNeverExpire: true,
      maxKeyLifetime: null,
      newKeysStartDisabled: false,
      usersMayCreateKeys: true,
      allowChosenValues: false,
      passwordLogin: true,
      expiredKeyRetention: null,
    },
    createdAt: NOW,
    ...changes,
  }
}

export function mount(changes: Partial<MountRecord> = {}): MountRecord {
  return {
    id: 'm1',
    siteId: 's1',
    path: ROOT,
    type: 'local',
    settings: { root: '/srv/files', durable: true },
    readOnly: false,
    ...changes,
  }
}

export function user(changes: Partial<UserDetails> = {}): UserDetails {
  return {
    id: 'u1',
    siteId: 's1',
    name: 'ann',
    role: 'member',
    enabled: true,
    expiresAt: null,
    conditions: { doors: ['sftp'] },
    email: 'ann@example.org',
    homeFolder: parsePath('/team/ann'),
    hasPassword: false,
    createdAt: NOW,
    ...changes,
  }
}

export function grant(changes: Partial<GrantDetails> = {}): GrantDetails {
  return {
    id: 'g1',
    siteId: 's1',
    userId: 'u1',
    groupId: null,
    path: parsePath('/team'),
    recursive: true,
    rights: 15,
    ...changes,
  }
}

export function key(changes: Partial<KeyRecord> = {}, parts: Partial<NewKey> = {}): NewKey {
  const record: KeyRecord = {
    id: 'k1',
    siteId: 's1',
    userId: 'u1',
    type: 'user',
    name: 'first',
    description: 'the first one',
    scopes: 0x1f_ffff,
    basePath: parsePath('/team/ann'),
    storages: ['m1'],
    conditions: { notBefore: 5 },
    enabled: true,
    expiresAt: NOW + 1,
    createdAt: NOW,
    ...changes,
  }
  return {
    key: record,
    value: keyValue({
      id: `v-${record.id}`,
      digest: Buffer.alloc(32, record.id),
      createdAt: record.createdAt,
    }),
    pair: { accessKeyId: `AK-${record.id}`, version: 1, sealed: Buffer.from([0, 1, 255]) },
    ...parts,
  }
}

export function keyValue(changes: Partial<NewKeyValue> = {}): NewKeyValue {
  return {
    id: 'v-new',
    digest: Buffer.alloc(32, 'new'),
    hash: null,
    bucket: null,
    stopsAt: null,
    masked: 'lk_k1_…9xQ4',
    createdAt: NOW,
    ...changes,
  }
}

export function metadata(changes: Partial<Metadata> = {}): Metadata {
  return {
    etag: 'd41d8cd98f00b204e9800998ecf8427e',
    headers: { 'content-type': 'text/plain; charset="ü"' },
    user: { mtime: '1.5' },
    tags: { a: 'b' },
    checksums: { 'x-amz-checksum-crc32': 'AAAAAA==' },
    parts: [5, 6],
    ...changes,
  }
}

/** Site s1 with mount, user ann (u1) with one grant, and her key k1. */
export async function furnish({ identity }: Records): Promise<void> {
  await identity.addSite(site(), mount(), AUDIT)
  await identity.addUser(user(), [grant()], AUDIT)
  await identity.addKey(key(), AUDIT)
}

/** Site s2 with user bob (u2) and his key k2, of the same name as k1. */
export async function furnishSecond({ identity }: Records): Promise<void> {
  await identity.addSite(
    site({ id: 's2', name: 'second', hosts: [] }),
    mount({ id: 'm2', siteId: 's2' }),
    AUDIT,
  )
  await identity.addUser(user({ id: 'u2', siteId: 's2', name: 'bob' }), [], AUDIT)
  await identity.addKey(key({ id: 'k2', siteId: 's2', userId: 'u2', storages: null }), AUDIT)
}

/** The changes that the feed tells from now on, without their numbers. */
export function listen({ changes }: Records): Omit<Change, 'sequence'>[] {
  const heard: Omit<Change, 'sequence'>[] = []
  changes.subscribe(({ kind, siteId, keyId, userId }) => heard.push({ kind, siteId, keyId, userId }))
  return heard
}

/** Polls until the condition holds; fails after `within` milliseconds. */
export async function until(condition: () => boolean | Promise<boolean>, within = 10_000): Promise<void> {
  const end = performance.now() + within
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`did not come true within ${within} ms`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
