import type { Kysely } from 'kysely'
import type { Clock } from '#credentials/ports.ts'
import type { IdentityStore } from '#identity/ports.ts'
import { answerStore } from './answers.ts'
import { grantMethods } from './identity-grants.ts'
import { groupMethods } from './identity-groups.ts'
import { keyMethods } from './identity-keys.ts'
import { mountMethods } from './identity-mounts.ts'
import { peopleMethods } from './identity-people.ts'
import { siteMethods } from './identity-sites.ts'
import { sshKeyMethods } from './identity-ssh-keys.ts'
import { userMethods } from './identity-users.ts'
import type { Database } from './schema.ts'
import type { Commit } from './transactions.ts'
import { expecting, versionOf } from './versions.ts'

/** Writes identities: each change with its feed row and audit entry in one transaction. */
export function identityStore(db: Kysely<Database>, clock: Clock, commit: Commit): IdentityStore {
  return {
    ...siteMethods(db, commit),
    ...userMethods(db, commit),
    ...sshKeyMethods(db, commit),
    ...groupMethods(db, commit),
    ...grantMethods(db, commit),
    ...mountMethods(db, commit),
    ...keyMethods(db, commit),
    ...peopleMethods(db, commit),
    ...ticketMethods(db, clock),
    answers: answerStore(db),
    versionOf: (ref) => versionOf(db, ref),
    expecting: (ref, version) => identityStore(db, clock, expecting(commit, ref, version)),
  }
}

function ticketMethods(
  db: Kysely<Database>,
  clock: Clock,
): Pick<IdentityStore, 'addTicket' | 'hasTicket' | 'takeTicket'> {
  return {
    addTicket: ({ digest, siteId, userId, expiresAt }) =>
      db.transaction().execute(async (trx) => {
        await trx.deleteFrom('tickets').where('expires_at', '<=', clock.now()).execute()
        const row = { digest, site_id: siteId, user_id: userId, expires_at: expiresAt }
        await trx.insertInto('tickets').values(row).execute()
      }),
    hasTicket: async (digest, now) => {
      const ticket = db
        .selectFrom('tickets')
        .select('user_id')
        .where('digest', '=', digest)
        .where('expires_at', '>', now)
      return (await ticket.executeTakeFirst()) !== undefined
    },
    takeTicket: async (digest, now) => {
      const taken = db
        .deleteFrom('tickets')
        .where('digest', '=', digest)
        .returning(['site_id', 'user_id', 'expires_at'])
      const ticket = await taken.executeTakeFirst()
      if (!ticket || ticket.expires_at <= now) return null
      return { siteId: ticket.site_id, userId: ticket.user_id }
    },
  }
}
