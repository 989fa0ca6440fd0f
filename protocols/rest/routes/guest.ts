import type { Gate } from '#credentials/gate.ts'
import { Fault } from '#faults'
import type { IdentityDeps } from '#identity/deps.ts'
import { guestConfig } from '#identity/guest-key.ts'
import { guestJson } from '#identity/json.ts'
import type { Listener } from '#protocols/protocol.ts'
import type { App } from '../app.ts'
import { GuestConfigSchema, REFUSALS } from '../schemas.ts'

/** `GET /api/public/guest-config`: what requests without a key may do, for anybody (REQUIREMENTS.md, D5). */
export function addGuestRoute(app: App, gate: Gate, listener: Listener, identity: IdentityDeps): void {
  const schema = {
    tags: ['keys'],
    summary: 'What requests without a key may do, while the site has an enabled guest key',
    response: { 200: GuestConfigSchema, ...REFUSALS },
  }
  app.get('/api/public/guest-config', { schema }, async (request) => {
    const siteId = listener.siteId ?? (await gate.siteOfHost(request.hostname))
    const key = await guestConfig(identity, siteId)
    if (key === null) throw new Fault('not_found', 'there is no guest access here')
    return guestJson(key)
  })
}
