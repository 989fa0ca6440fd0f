import type { IdentityDeps } from '#identity/deps.ts'
import type { Door, DoorOptions } from '#protocols/protocol.ts'
import { enter, refuseRevoked } from './access.ts'
import { createApp } from './app.ts'
import { describeApi } from './openapi.ts'
import { addHealthRoutes } from './routes/health.ts'
import { addKeyRoutes } from './routes/keys.ts'
import { addStartRoutes } from './routes/start.ts'
import { addTestRoute } from './routes/test.ts'

export type RestOptions = DoorOptions & {
  /** The use cases that the admin API offers. */
  readonly identity: IdentityDeps
}

/** Starts the REST door: the admin API, its description, health, and the one-time link's page. */
export const startRestDoor: Door<RestOptions> = async (gate, { listener, log, identity }) => {
  const app = createApp(log)
  await describeApi(app)
  await app.register(async (open) => addHealthRoutes(open, identity))
  await app.register(async (open) => addStartRoutes(open, identity, log))
  await app.register(async (closed) => {
    closed.addHook('onRequest', (request, reply) => enter(gate, listener, request, reply))
    closed.addHook('preHandler', async (request) => refuseRevoked(request))
    addTestRoute(closed)
    addKeyRoutes(closed, identity)
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
