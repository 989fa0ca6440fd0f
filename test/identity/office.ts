import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { headSeal } from '#audit/chain.ts'
import type { SiteSettings } from '#credentials/ports.ts'
import { createSealer, type Sealer } from '#credentials/sealing.ts'
import { newPepper, pepperFrom } from '#credentials/values.ts'
import type { Actor } from '#identity/actor.ts'
import type { IdentityDeps } from '#identity/deps.ts'
import type { SiteDetails, UserDetails } from '#identity/ports.ts'
import { FACTORY_SETTINGS } from '#identity/settings.ts'
import { addSite } from '#identity/sites.ts'
import { addUser } from '#identity/users.ts'
import { ALL_RIGHTS } from '#permissions/grants.ts'
import { ROOT } from '#permissions/path.ts'
import type { Principal } from '#permissions/principal.ts'
import { ALL_SCOPES } from '#permissions/scopes.ts'
import { openSqlite, type Records } from '#records/open.ts'
import { makeMasterKey, readMasterKeys } from '#server/master-key.ts'

export const OPERATOR: Actor = { kind: 'command_line' }

/** Real records in a temporary folder with two sites, an administrator and a member each; a clock by hand. */
export type Office = AsyncDisposable & {
  /** The temporary folder. */
  readonly dir: string
  readonly deps: IdentityDeps
  readonly records: Records
  readonly sealer: Sealer
  readonly clock: { now(): number; advance(ms: number): void }
  readonly site: SiteDetails
  readonly other: SiteDetails
  readonly admin: UserDetails
  readonly member: UserDetails
  /** Somebody who came through REST with a key, or (`person`) as themselves. */
  actor(user: UserDetails | null, more?: Partial<Principal>): Actor
  /** What was recorded, oldest first: the table's rows. */
  audit(): readonly Readonly<Record<string, unknown>>[]
  /** The same use cases while the site has these settings. */
  withSettings(settings: Partial<SiteSettings>): IdentityDeps
}

export async function openOffice(): Promise<Office> {
  const dir = await mkdtemp(join(tmpdir(), 'latchkey-identity-'))
  let now = Date.UTC(2026, 0, 1)
  const advance = (ms: number) => {
    now += ms
  }
  const clock = { now: () => now, advance }
  const file = join(dir, 'latchkey.db')
  const records = await openSqlite(file, { clock })
  const masterKey = await makeMasterKey(dir)
  const sealer = createSealer(() => readMasterKeys(dir, undefined) ?? [masterKey])
  const { identity: store, audit, liveSessions } = records
  const pepper = pepperFrom(newPepper())
  records.audit.sealWith(headSeal(pepper))
  const deps = { store, audit, liveSessions, pepper, sealer, clock }
  const { site } = await addSite(deps, OPERATOR, { name: 'main', folder: dir })
  const { site: other } = await addSite(deps, OPERATOR, { name: 'other', folder: dir })
  const admin = await addUser(deps, OPERATOR, site.id, { name: 'ada', role: 'administrator' })
  const member = await addUser(deps, OPERATOR, site.id, { name: 'mia', role: 'member' })
  advance(1)
  return {
    dir,
    deps,
    records,
    sealer,
    clock,
    site,
    other,
    admin,
    member,
    actor: (user, more) => ({
      kind: 'principal',
      door: 'rest',
      address: '192.0.2.1',
      principal: { ...principalOf(user, site), ...more },
    }),
    audit() {
      const database = new Sqlite(file, { readonly: true })
      try {
        return database.prepare<[], Record<string, unknown>>('select * from audit order by sequence').all()
      } finally {
        database.close()
      }
    },
    withSettings: (settings) => ({
      ...deps,
      store: {
        ...deps.store,
        siteById: async (id) => {
          const found = await deps.store.siteById(id)
          return found && { ...found, settings: { ...FACTORY_SETTINGS, ...settings } }
        },
      },
    }),
    async [Symbol.asyncDispose]() {
      await records[Symbol.asyncDispose]()
      await rm(dir, { recursive: true, force: true })
    },
  }
}

function principalOf(user: UserDetails | null, site: SiteDetails): Principal {
  return {
    kind: user === null ? 'site' : 'user',
    siteId: site.id,
    siteName: site.name,
    user: user && { id: user.id, name: user.name },
    key: { id: 'Key00001', name: 'presented' },
    role: user?.role ?? 'administrator',
    scopes: ALL_SCOPES,
    grants: [{ path: ROOT, recursive: true, rights: ALL_RIGHTS }],
    basePath: ROOT,
    storages: null,
    conditions: [],
    expiresAt: null,
  }
}
