import { conditionsJson } from '#identity/condition-rules.ts'
import { grantJson } from '#identity/json.ts'
import { isoTime } from '#identity/times.ts'
import { DOORS } from '#permissions/conditions.ts'
import { opensDoor } from '#permissions/decide.ts'
import type { Principal } from '#permissions/principal.ts'
import { scopeNames } from '#permissions/scopes.ts'
import { sessionOf } from '../access.ts'
import type { App } from '../app.ts'
import { SECURITY } from '../openapi.ts'
import { PresentedKeySchema, REFUSALS } from '../schemas.ts'

/** `GET /api/test/api-key`: what the presented key is and may do (REQUIREMENTS.md, D5). */
export function addTestRoute(app: App): void {
  const schema = {
    tags: ['keys'],
    summary: 'What the presented key is and may do',
    security: SECURITY,
    response: { 200: PresentedKeySchema, ...REFUSALS },
  }
  app.get('/api/test/api-key', { schema }, async (request) => presentedJson(sessionOf(request).principal))
}

function presentedJson(principal: Principal) {
  return {
    site: { id: principal.siteId, name: principal.siteName },
    type: principal.kind,
    id: principal.key?.id ?? null,
    name: principal.key?.name ?? null,
    user: principal.user && { id: principal.user.id, name: principal.user.name },
    role: principal.role,
    scopes: scopeNames(principal.scopes),
    base_path: principal.basePath,
    storages: principal.storages && [...principal.storages],
    conditions: principal.conditions.map(conditionsJson),
    doors: doorsOf(principal),
    expires_at: isoTime(principal.expiresAt),
    grants: principal.grants.map(grantJson),
  }
}

function doorsOf({ scopes, conditions }: Principal): string[] {
  return DOORS.filter(
    (door) => opensDoor(scopes, door) && conditions.every(({ doors }) => doors?.includes(door) ?? true),
  )
}
