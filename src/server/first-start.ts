import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Actor } from '#identity/actor.ts'
import { createKey } from '#identity/create-key.ts'
import type { IdentityDeps } from '#identity/deps.ts'
import { addSite } from '#identity/sites.ts'
import { createTicket } from '#identity/tickets.ts'
import { addUser } from '#identity/users.ts'
import { type IssuedKey, issuedKey } from './issued-key.ts'

/** Shown once, on the first start: the administrator's one-time link and first key. */
export type FirstStart = { readonly ticket: string; readonly key: IssuedKey }

const SITE = 'main'
const ADMINISTRATOR = 'admin'
const OPERATOR: Actor = { kind: 'command_line' }

/** Makes site, administrator and first key of an empty data folder; null when there are sites already. */
export async function prepareFirstStart(deps: IdentityDeps, dataDir: string): Promise<FirstStart | null> {
  if ((await deps.store.sites()).length > 0) return null
  const folder = join(dataDir, 'files', SITE)
  await mkdir(folder, { recursive: true })
  const { site } = await addSite(deps, OPERATOR, { name: SITE, folder })
  await addUser(deps, OPERATOR, site.id, { name: ADMINISTRATOR, role: 'administrator' })
  const user = { name: ADMINISTRATOR }
  const issued = await createKey(deps, OPERATOR, site.id, {
    name: 'first',
    description: 'made at the first start',
    type: 'user',
    user,
    scopes: ['full'],
    pair: true,
  })
  const { ticket } = await createTicket(deps, OPERATOR, site.id, user)
  return { ticket, key: issuedKey(issued) }
}
