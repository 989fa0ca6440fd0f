import { Type } from 'typebox'
import type { IdentityDeps } from '#identity/deps.ts'
import { endLiveSession, listLiveSessions, liveSessionJson } from '#identity/live-sessions.ts'
import { actorOf } from '../access.ts'
import type { App } from '../app.ts'
import { LiveSessionPageSchema, SessionIdSchema } from '../audit-schemas.ts'
import { SECURITY } from '../openapi.ts'
import { readPage } from '../paging.ts'
import { PageSchema, REFUSALS } from '../schemas.ts'

const COMMON = { tags: ['sessions'], security: SECURITY }

/** `/api/v1/sessions`: who is connected to the presented key's site (REQUIREMENTS.md, R4). */
export function addSessionRoutes(app: App, identity: IdentityDeps): void {
  const list = {
    ...COMMON,
    summary: 'Live sessions of all doors and processes that are older than a second, the oldest first',
    querystring: PageSchema,
    response: { 200: LiveSessionPageSchema, ...REFUSALS },
  }
  app.get('/api/v1/sessions', { schema: list }, async (request) => {
    const { actor, siteId } = actorOf(request)
    const page = await readPage(request.query, async ({ after, limit }) => {
      const place = after === undefined ? null : { startedAt: after.createdAt, id: after.id }
      const found = await listLiveSessions(identity, actor, siteId, { limit, after: place })
      return found.map((session) => ({ createdAt: session.startedAt, id: session.id, session }))
    })
    return { sessions: page.items.map(({ session }) => liveSessionJson(session)), next_cursor: page.next }
  })
  const end = {
    ...COMMON,
    summary: 'End a session and cut its transfers; its key may log in again',
    params: SessionIdSchema,
    response: { 204: Type.Null(), ...REFUSALS },
  }
  app.delete('/api/v1/sessions/:id', { schema: end }, async (request, reply) => {
    const { actor, siteId } = actorOf(request)
    await endLiveSession(identity, actor, siteId, request.params.id)
    return reply.code(204).send(null)
  })
}
