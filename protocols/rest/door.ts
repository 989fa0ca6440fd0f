import type { IdentityDeps } from '#identity/deps.ts'
import { trustedProxies } from '#net/proxy.ts'
import type { Door, DoorOptions } from '#protocols/protocol.ts'
import { enter, refuseRevoked } from './access.ts'
import { createApp } from './app.ts'
import { readSite, takeSite } from './named-site.ts'
import { describeApi } from './openapi.ts'
import { addAllowedRoute } from './routes/allowed.ts'
import { addAuditRoutes } from './routes/audit.ts'
import { addGrantRoutes } from './routes/grants.ts'
import { addGroupRoutes } from './routes/groups.ts'
import { addGuestRoute } from './routes/guest.ts'
import { addHealthRoutes } from './routes/health.ts'
import { addKeyRoutes } from './routes/keys.ts'
import { addMountRoutes } from './routes/mounts.ts'
import { addSessionRoutes } from './routes/sessions.ts'
import { addSiteRoutes } from './routes/sites.ts'
import { addStartRoutes } from './routes/start.ts'
import { addTestRoute } from './routes/test.ts'
import { addTrashRoutes } from './routes/trash.ts'
import { addUserRoutes } from './routes/users.ts'

export type RestOptions = DoorOptions & {
  /** The use cases that the admin API offers. */
  readonly identity: IdentityDeps
}

/** Starts the REST door: the admin API, its description, health, and the one-time link's page. */
export const startRestDoor: Door<RestOptions> = async (gate, options) => {
  const { listener, log, identity } = options
  const proxies = trustedProxies(options.trustedProxies)
  const app = createApp(log)
  await describeApi(app)
  await app.register(async (open) => addHealthRoutes(open, identity))
  await app.register(async (open) => addGuestRoute(open, gate, listener, identity))
  await app.register(async (open) => addStartRoutes(open, identity, { log, proxies }))
  await app.register(async (closed) => {
    closed.addHook('onRequest', (request, reply) => enter({ gate, listener, proxies }, request, reply))
    closed.addHook('onRoute', takeSite)
    closed.addHook('preHandler', async (request) => {
      refuseRevoked(request)
      await readSite(identity, request)
    })
    addTestRoute(closed)
    addSiteRoutes(closed, identity)
    addUserRoutes(closed, identity)
    addGroupRoutes(closed, identity)
    addGrantRoutes(closed, identity)
    addMountRoutes(closed, identity)
    addKeyRoutes(closed, identity)
    addAuditRoutes(closed, identity)
    addSessionRoutes(closed, identity)
    addTrashRoutes(closed)
    addAllowedRoute(closed, identity)
  })
  try {
    await app.listen({ host: listener.address, port: listener.port })
  } catch (error) {
    await app.close()
    throw error
  }
  const address = app.server.address()
  const port = typeof address === 'object' && address !== null ? address.port : listener.port
  return {
    port,
    async stop(deadline) {
      const cut = () => app.server.closeAllConnections()
      deadline.addEventListener('abort', cut, { once: true })
      const closed = app.close()
      if (deadline.aborted) cut()
      await closed
      deadline.removeEventListener('abort', cut)
    },
  }
}
