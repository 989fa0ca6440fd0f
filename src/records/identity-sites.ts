import type { Kysely, Transaction } from 'kysely'
import type { IdentityStore, SiteDetails } from '#identity/ports.ts'
import { asTaken } from './faults.ts'
import { mountRow } from './mounts.ts'
import { flag, settingsOf, siteOf } from './rows.ts'
import type { Database } from './schema.ts'
import { type Commit, snapshot } from './transactions.ts'

type SiteMethods = Pick<IdentityStore, 'sites' | 'siteByName' | 'siteById' | 'addSite'>

export function siteMethods(db: Kysely<Database>, commit: Commit): SiteMethods {
  return {
    sites: () => readSites(db),
    siteByName: async (name) => (await readSites(db, { name }))[0] ?? null,
    siteById: async (id) => (await readSites(db, { id }))[0] ?? null,
    addSite: (site, mount, audit) =>
      commit(audit, async (trx) => {
        await insertSite(trx, site)
        await trx.insertInto('mounts').values(mountRow(mount)).execute()
        const concerns = { siteId: site.id, keyId: null, userId: null }
        return [
          { kind: 'site', ...concerns },
          { kind: 'mounts', ...concerns },
        ]
      }),
  }
}

async function insertSite(trx: Transaction<Database>, site: SiteDetails): Promise<void> {
  const row = {
    id: site.id,
    name: site.name,
    parent_id: site.parentId,
    enabled: flag(site.enabled),
    conditions: JSON.stringify(site.conditions),
    settings: JSON.stringify(site.settings),
    created_at: site.createdAt,
  }
  await asTaken(`a site named ${site.name}`, trx.insertInto('sites').values(row).execute())
  if (site.hosts.length === 0) return
  const hosts = site.hosts.map((host, position) => ({ host: host.toLowerCase(), site_id: site.id, position }))
  await asTaken('a site with one of these hosts', trx.insertInto('site_hosts').values(hosts).execute())
}

function readSites(
  db: Kysely<Database>,
  only: { readonly id?: string; readonly name?: string } = {},
): Promise<readonly SiteDetails[]> {
  const { id, name } = only
  return snapshot(db, async (trx) => {
    const rows = await trx
      .selectFrom('sites')
      .selectAll()
      .$if(id !== undefined, (query) => query.where('id', '=', id ?? ''))
      .$if(name !== undefined, (query) => query.where('name', '=', name ?? ''))
      .orderBy('name')
      .execute()
    const hosts = await hostsOf(trx, only)
    return rows.map((row) => ({
      ...siteOf(row),
      parentId: row.parent_id,
      hosts: hosts.get(row.id) ?? [],
      settings: settingsOf(row),
      createdAt: row.created_at,
    }))
  })
}

async function hostsOf(
  trx: Transaction<Database>,
  { id, name }: { readonly id?: string; readonly name?: string },
): Promise<Map<string, string[]>> {
  const rows = await trx
    .selectFrom('site_hosts')
    .innerJoin('sites', 'sites.id', 'site_hosts.site_id')
    .select(['site_hosts.site_id', 'site_hosts.host'])
    .$if(id !== undefined, (query) => query.where('sites.id', '=', id ?? ''))
    .$if(name !== undefined, (query) => query.where('sites.name', '=', name ?? ''))
    .orderBy('site_hosts.position')
    .execute()
  const hosts = new Map<string, string[]>()
  for (const row of rows) hosts.set(row.site_id, [...(hosts.get(row.site_id) ?? []), row.host])
  return hosts
}
