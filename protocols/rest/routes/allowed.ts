import { Type } from 'typebox'
import { ACTION_NAMES, wouldAllow } from '#identity/allowed.ts'
import type { IdentityDeps } from '#identity/deps.ts'
import { DOORS } from '#permissions/conditions.ts'
import { actorOf } from '../access.ts'
import type { App } from '../app.ts'
import { SECURITY } from '../openapi.ts'
import { Named, Nullable, REFUSALS } from '../schemas.ts'

const QuestionSchema = Type.Object(
  {
    key: Type.String({ maxLength: 100, description: 'Id, name or login of a key' }),
    door: Type.Enum([...DOORS]),
    address: Type.String({ maxLength: 100, examples: ['192.0.2.7'] }),
    action: Type.Enum([...ACTION_NAMES]),
    path: Type.String({ maxLength: 4000, examples: ['/photos/2026/a.jpg'] }),
  },
  { additionalProperties: false },
)

const AnswerSchema = Type.Object({
  key: Named,
  allow: Type.Boolean(),
  reason: Nullable(Type.String({ description: 'Why not; null when it is allowed' })),
})

/** `POST /api/v1/allowed`: would this use of a key be allowed (REQUIREMENTS.md, D6)? */
export function addAllowedRoute(app: App, identity: IdentityDeps): void {
  const schema = {
    tags: ['keys'],
    security: SECURITY,
    summary: 'Would this use of a key be allowed? For administrators, and for anybody about the own key',
    body: QuestionSchema,
    response: { 200: AnswerSchema, ...REFUSALS },
  }
  app.post('/api/v1/allowed', { schema }, async (request) => {
    const { actor, siteId } = actorOf(request)
    const { key, allow, reason } = await wouldAllow(identity, actor, siteId, request.body)
    return { key: { id: key.id, name: key.name }, allow, reason }
  })
}
