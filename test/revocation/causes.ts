import type { Actor } from '#identity/actor.ts'
import { deleteKey, disableKey, updateKey } from '#identity/keys.ts'
import { deleteUser } from '#identity/leave-site.ts'
import { updateSite } from '#identity/sites.ts'
import { disableUser } from '#identity/users.ts'
import type { World, WorldKey } from '../world.ts'

const OPERATOR: Actor = { kind: 'command_line' }

/** So short that requests signed after some of them are not too old for S3. */
export const LIFETIME_MS = 30_000

/** A member's key that ends LIFETIME_MS from now. */
export type Doomed = WorldKey & { readonly user: string }

type Cause = (world: World, key: Doomed) => Promise<unknown>

/** Every way in which a key stops working while it is used, by what an administrator would call it. */
export const CAUSES: ReadonlyMap<string, Cause> = new Map<string, Cause>([
  ['the key is disabled', ({ identity, site }, { id }) => disableKey(identity, OPERATOR, site.id, id)],
  ['the key is deleted', ({ identity, site }, { id }) => deleteKey(identity, OPERATOR, site.id, id)],
  ['the key expires', async ({ clock }) => clock.advance(LIFETIME_MS)],
  [
    'the key’s scopes are narrowed',
    ({ identity, site }, { id }) =>
      updateKey(identity, OPERATOR, site.id, id, {
        scopes: ['files.list', 'webdav.read', 'sftp', 'ftp', 's3'],
      }),
  ],
  [
    'the key’s addresses change',
    ({ identity, site }, { id }) =>
      updateKey(identity, OPERATOR, site.id, id, { conditions: { deny: ['127.0.0.0/8'] } }),
  ],
  [
    'the user is disabled',
    ({ identity, site }, { user }) => disableUser(identity, OPERATOR, site.id, { name: user }),
  ],
  [
    'the user is deleted',
    ({ identity, site }, { user }) => deleteUser(identity, OPERATOR, site.id, { name: user }),
  ],
  [
    'the site is disabled',
    ({ identity, site }) => updateSite(identity, OPERATOR, site.id, { enabled: false }),
  ],
])
