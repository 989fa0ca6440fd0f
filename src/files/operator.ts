import { ALL_RIGHTS } from '#permissions/grants.ts'
import { ROOT } from '#permissions/path.ts'
import type { Principal } from '#permissions/principal.ts'
import { ALL_SCOPES } from '#permissions/scopes.ts'

/** The machine's own administrator on a site: everything, as nobody in particular. */
export function operatorPrincipal(site: { readonly id: string; readonly name: string }): Principal {
  return {
    kind: 'site',
    siteId: site.id,
    siteName: site.name,
    user: null,
    key: null,
    role: 'administrator',
    scopes: ALL_SCOPES,
    grants: [{ path: ROOT, recursive: true, rights: ALL_RIGHTS }],
    basePath: ROOT,
    storages: null,
    conditions: [],
    expiresAt: null,
  }
}
