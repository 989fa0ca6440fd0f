import { Fault } from '#faults'
import type { MountRecord } from '#files/ports.ts'
import type { MountChanges, MountInput } from '#identity/mounts.ts'
import type { SiteDetails } from '#identity/ports.ts'
import type { SiteChanges, SiteInput } from '#identity/sites.ts'
import { MountListSchema, MountSchema, SiteListSchema, SiteSchema } from '#protocols/rest/people-schemas.ts'
import type { Connection } from './connection.ts'
import { mountOf, siteOf } from './read.ts'
import { conditionsBody, settingsBody } from './write.ts'

const sites = '/api/v1/sites'
const mounts = '/api/v1/mounts'

export function listSites(api: Connection): Promise<SiteDetails[]> {
  return api.page(
    {
      idOf: ({ id }) => id,
      async read(query) {
        const page = await api.json(SiteListSchema, sites, { query })
        return { items: page.sites.map(siteOf), next: page.next_cursor }
      },
    },
    {},
  )
}

/** The server makes the folder. */
export async function addSite(api: Connection, { name, hosts, parentId }: SiteInput) {
  const body = { name, hosts, parent_id: parentId }
  return { site: siteOf(await api.json(SiteSchema, sites, { method: 'POST', body })) }
}

export async function updateSite(api: Connection, id: string, changes: SiteChanges): Promise<SiteDetails> {
  const { name, enabled, hosts, parentId, settings, conditions } = changes
  const body = {
    ...{ name, enabled, hosts, parent_id: parentId },
    settings: settings && settingsBody(settings),
    conditions: conditionsBody(conditions),
  }
  return siteOf(await api.json(SiteSchema, `${sites}/${id}`, { method: 'PATCH', body }))
}

export async function deleteSite(api: Connection, id: string, confirm: string): Promise<{ id: string }> {
  await api.done(`${sites}/${id}`, { method: 'DELETE', query: { confirm } })
  return { id }
}

export async function listMounts(api: Connection, site: string): Promise<MountRecord[]> {
  const { mounts: found } = await api.json(MountListSchema, mounts, { site })
  return found.map((mount) => mountOf(site, mount))
}

/** The server makes the folder: one of its machine is named there only. */
export async function addMount(api: Connection, site: string, input: MountInput): Promise<MountRecord> {
  if (input.folder !== undefined) {
    throw new Fault('invalid', 'folders are named on the server’s own machine only: leave --folder away')
  }
  if (input.durable === false)
    throw new Fault('invalid', '--not-durable is for the server’s own machine only')
  const body = { path: input.path, read_only: input.readOnly, trash_days: input.trashDays }
  return mountOf(site, await api.json(MountSchema, mounts, { method: 'POST', site, body }))
}

export async function changeMount(api: Connection, site: string, id: string, changes: MountChanges) {
  const body = { read_only: changes.readOnly, trash_days: changes.trashDays }
  return mountOf(site, await api.json(MountSchema, `${mounts}/${id}`, { method: 'PATCH', site, body }))
}

export async function removeMount(api: Connection, site: string, id: string): Promise<MountRecord> {
  const mount = mountOf(site, await api.json(MountSchema, `${mounts}/${id}`, { site }))
  await api.done(`${mounts}/${id}`, { method: 'DELETE', site })
  return mount
}
