import type { LiveSession } from '#audit/ports.ts'
import { Fault } from '#faults'
import { type Actor, administeredSite, auditEntry } from './actor.ts'
import { commit, type IdentityDeps } from './deps.ts'
import { isoTime } from './times.ts'

export type LiveSessionPlace = { readonly startedAt: number; readonly id: string }

/** A page of the site's live sessions in all processes, the oldest first (REQUIREMENTS.md, R4). Fault: forbidden. */
export async function listLiveSessions(
  deps: IdentityDeps,
  actor: Actor,
  siteId: string,
  page: { readonly limit: number; readonly after: LiveSessionPlace | null },
): Promise<readonly LiveSession[]> {
  const site = await administeredSite(deps, actor, siteId)
  return deps.liveSessions.list(site.id, { ...page, now: deps.clock.now() })
}

/** Ends a session, wherever it runs. Its key may log in again: to stop that, disable it. Faults: forbidden, not_found. */
export async function endLiveSession(
  deps: IdentityDeps,
  actor: Actor,
  siteId: string,
  id: string,
): Promise<LiveSession> {
  const site = await administeredSite(deps, actor, siteId)
  const session = await deps.liveSessions.find(site.id, id, deps.clock.now())
  if (session === null) throw new Fault('not_found', `there is no live session '${id}'`)
  const who = session.keyId === null ? `user ${session.userName}` : `key ${session.keyId} ${session.keyName}`
  const subject = `session ${id} of ${who} (${session.door}, ${session.address})`
  const audit = auditEntry(deps, actor, { action: 'session.end', siteId: site.id, subject })
  await commit(deps, deps.liveSessions.end(session, audit))
  return session
}

export function liveSessionJson(session: LiveSession) {
  return {
    id: session.id,
    type: session.kind,
    user: session.userId === null ? null : { id: session.userId, name: session.userName ?? '' },
    key: session.keyId === null ? null : { id: session.keyId, name: session.keyName ?? '' },
    door: session.door,
    address: session.address,
    client: session.client,
    since: isoTime(session.startedAt),
    bytes_in: session.bytesIn,
    bytes_out: session.bytesOut,
    current: session.current,
  }
}
