import type { AuditRecord, LiveSession } from '#audit/ports.ts'
import { Fault } from '#faults'
import { type Actor, auditEntry } from './actor.ts'
import { commit, type IdentityDeps } from './deps.ts'
import { reachKey } from './keys.ts'

const PAGE = 500

/** Live sessions of a key that the actor may touch, the oldest first. Faults: forbidden, not_found. */
export async function keySessions(
  deps: IdentityDeps,
  actor: Actor,
  siteId: string,
  keyId: string,
): Promise<readonly LiveSession[]> {
  const { site, key } = await reachKey(deps, actor, siteId, keyId)
  const found: LiveSession[] = []
  for (let after: { startedAt: number; id: string } | null = null; ; ) {
    const page: readonly LiveSession[] = await deps.liveSessions.list(site.id, {
      limit: PAGE,
      after,
      now: deps.clock.now(),
    })
    found.push(...page.filter((session) => session.keyId === key.id))
    const last = page.at(-1)
    if (last === undefined || page.length < PAGE) return found
    after = { startedAt: last.startedAt, id: last.id }
  }
}

/** Ends a live session of a key that the actor may touch. Faults: forbidden, not_found. */
export async function endKeySession(
  deps: IdentityDeps,
  actor: Actor,
  siteId: string,
  keyId: string,
  sessionId: string,
): Promise<void> {
  const { site, key } = await reachKey(deps, actor, siteId, keyId)
  const session = await deps.liveSessions.find(site.id, sessionId, deps.clock.now())
  if (session?.keyId !== key.id) throw new Fault('not_found', `there is no live session '${sessionId}'`)
  const subject = `session ${session.id} of key ${key.id} ${key.name} (${session.door}, ${session.address})`
  const audit = auditEntry(deps, actor, { action: 'session.end', siteId: site.id, subject })
  await commit(deps, deps.liveSessions.end(session, audit))
}

/** The newest entries about a key that the actor may touch. Faults: forbidden, not_found. */
export async function keyAudit(
  deps: IdentityDeps,
  actor: Actor,
  siteId: string,
  keyId: string,
  limit: number,
): Promise<readonly AuditRecord[]> {
  const { site, key } = await reachKey(deps, actor, siteId, keyId)
  return deps.audit.search({ siteId: site.id, key: key.id }, { limit, after: null, order: 'newest' })
}
