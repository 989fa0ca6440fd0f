import type { Kysely, Transaction } from 'kysely'
import { Fault } from '#faults'
import type { IdentityStore, SiteDetails, SitePatch } from '#identity/ports.ts'
import { asTaken, missing } from './faults.ts'
import { mountRow } from './mounts.ts'
import { flag, siteOf } from './rows.ts'
import type { Database } from './schema.ts'
import { type Commit, snapshot } from './transactions.ts'
import { bump } from './versions.ts'

/** No line of parents is longer; a bound for what should not be there. */
const MOST_LEVELS = 100

type SiteMethods = Pick<
  IdentityStore,
  | 'sites'
  | 'siteByName'
  | 'siteById'
  | 'addSite'
  | 'updateSite'
  | 'deleteSite'
  | 'ancestorsOf'
  | 'sitesWithin'
>

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
    updateSite: (id, patch, audit) =>
      commit(audit, async (trx) => {
        await requireSite(trx, id)
        if (patch.parentId !== undefined) await refuseCycle(trx, id, patch.parentId)
        await changeSite(trx, id, patch)
        await bump(trx, 'site', id)
        return [{ kind: 'site', siteId: id, keyId: null, userId: null }]
      }),
    deleteSite: (id, audit) =>
      commit(audit, async (trx) => {
        await requireSite(trx, id)
        const children = trx.selectFrom('sites').select('name').where('parent_id', '=', id).orderBy('name')
        const child = await children.executeTakeFirst()
        if (child) throw new Fault('not_empty', `the site has child sites, such as ${child.name}`)
        await trx.deleteFrom('sites').where('id', '=', id).execute()
        return [{ kind: 'site', siteId: id, keyId: null, userId: null }]
      }),
    ancestorsOf: (siteId) => readAncestors(db, siteId),
    sitesWithin: (siteId) => readSites(db, { within: siteId }),
  }
}

async function requireSite(trx: Transaction<Database>, id: string): Promise<void> {
  const query = trx.selectFrom('sites').select('id').where('id', '=', id)
  if (!(await query.executeTakeFirst())) throw missing('site')
}

async function refuseCycle(trx: Transaction<Database>, id: string, parentId: string | null): Promise<void> {
  if (parentId === null) return
  // Locks the sites, so that two of them cannot become each other's parent at once.
  await trx
    .updateTable('sites')
    .set({ enabled: (eb) => eb.ref('enabled') })
    .execute()
  if (parentId !== id && !(await readAncestors(trx, parentId)).includes(id)) return
  throw new Fault('invalid', 'a site cannot be below itself')
}

/** Nearest first. */
async function readAncestors(db: Kysely<Database>, siteId: string): Promise<readonly string[]> {
  const rows = await db
    .withRecursive('line(id, level)', (query) =>
      query
        .selectFrom('sites')
        .where('sites.id', '=', siteId)
        .where('sites.parent_id', 'is not', null)
        .select(({ ref, lit }) => [ref('sites.parent_id').$notNull().as('id'), lit(1).as('level')])
        .unionAll(
          query
            .selectFrom('line')
            .innerJoin('sites', 'sites.id', 'line.id')
            .where('sites.parent_id', 'is not', null)
            .where('line.level', '<', MOST_LEVELS)
            .select(({ ref, eb }) => [
              ref('sites.parent_id').$notNull().as('id'),
              eb('line.level', '+', 1).as('level'),
            ]),
        ),
    )
    .selectFrom('line')
    .select('id')
    .orderBy('level')
    .execute()
  return rows.map((row) => row.id)
}

async function changeSite(trx: Transaction<Database>, id: string, patch: SitePatch): Promise<void> {
  const { name, enabled, conditions, settings, hosts, parentId } = patch
  const values = {
    ...(name !== undefined && { name }),
    ...(enabled !== undefined && { enabled: flag(enabled) }),
    ...(conditions !== undefined && { conditions: JSON.stringify(conditions) }),
    ...(settings !== undefined && { settings: JSON.stringify(settings) }),
    ...(parentId !== undefined && { parent_id: parentId }),
  }
  if (Object.keys(values).length > 0) {
    const change = trx.updateTable('sites').set(values).where('id', '=', id)
    await asTaken(`a site named ${name ?? ''}`.trimEnd(), change.execute())
  }
  if (hosts === undefined) return
  await trx.deleteFrom('site_hosts').where('site_id', '=', id).execute()
  await insertHosts(trx, id, hosts)
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
  await insertHosts(trx, site.id, site.hosts)
}

async function insertHosts(
  trx: Transaction<Database>,
  siteId: string,
  hosts: readonly string[],
): Promise<void> {
  if (hosts.length === 0) return
  const rows = hosts.map((host, position) => ({ host: host.toLowerCase(), site_id: siteId, position }))
  await asTaken('a site with one of these hosts', trx.insertInto('site_hosts').values(rows).execute())
}

type SiteFilter = { readonly id?: string; readonly name?: string; readonly within?: string }

function readSites(db: Kysely<Database>, only: SiteFilter = {}): Promise<readonly SiteDetails[]> {
  const { id, name, within } = only
  return snapshot(db, async (trx) => {
    const rows = await trx
      .selectFrom('sites')
      .selectAll()
      .$if(id !== undefined, (query) => query.where('id', '=', id ?? ''))
      .$if(name !== undefined, (query) => query.where('name', '=', name ?? ''))
      .$if(within !== undefined, (query) => query.where('id', 'in', idsWithin(trx, within ?? '')))
      .orderBy('name')
      .execute()
    const hosts = await hostsOf(trx, only)
    return rows.map((row) => ({
      ...siteOf(row),
      parentId: row.parent_id,
      hosts: hosts.get(row.id) ?? [],
      createdAt: row.created_at,
    }))
  })
}

/** Of the site and all below it. */
function idsWithin(db: Kysely<Database>, siteId: string) {
  return db
    .withRecursive('tree(id)', (query) =>
      query
        .selectFrom('sites')
        .where('sites.id', '=', siteId)
        .select('sites.id as id')
        .union(
          query.selectFrom('tree').innerJoin('sites', 'sites.parent_id', 'tree.id').select('sites.id as id'),
        ),
    )
    .selectFrom('tree')
    .select('id')
}

async function hostsOf(
  trx: Transaction<Database>,
  { id, name, within }: SiteFilter,
): Promise<Map<string, string[]>> {
  const rows = await trx
    .selectFrom('site_hosts')
    .innerJoin('sites', 'sites.id', 'site_hosts.site_id')
    .select(['site_hosts.site_id', 'site_hosts.host'])
    .$if(id !== undefined, (query) => query.where('sites.id', '=', id ?? ''))
    .$if(name !== undefined, (query) => query.where('sites.name', '=', name ?? ''))
    .$if(within !== undefined, (query) => query.where('sites.id', 'in', idsWithin(trx, within ?? '')))
    .orderBy('site_hosts.position')
    .execute()
  const hosts = new Map<string, string[]>()
  for (const row of rows) hosts.set(row.site_id, [...(hosts.get(row.site_id) ?? []), row.host])
  return hosts
}
