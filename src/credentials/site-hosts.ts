import type { CredentialStore } from './ports.ts'

const MAX_HOSTS = 1_000

/** The sites of host names, remembered until a site changes. */
export function createSiteHosts(records: Pick<CredentialStore, 'siteIdByHost'>) {
  const sites = new Map<string, string | null>()
  let generation = 0
  return {
    async siteOfHost(host: string): Promise<string | null> {
      const name = host.toLowerCase()
      const known = sites.get(name)
      if (known !== undefined) return known
      const before = generation
      const siteId = await records.siteIdByHost(name)
      if (sites.size >= MAX_HOSTS) sites.clear()
      if (generation === before) sites.set(name, siteId)
      return siteId
    },
    forget(): void {
      generation += 1
      sites.clear()
    },
  }
}
