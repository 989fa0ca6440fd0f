import { forgetAnswers } from '#identity/answers.ts'
import type { IdentityDeps } from '#identity/deps.ts'
import { type Annex, withAnnexes } from '#net/annex.ts'
import { startHttpServer } from '#net/http-server.ts'
import { trustedProxies } from '#net/proxy.ts'
import type { Door, DoorOptions } from '#protocols/protocol.ts'
import { enter, refuseRevoked } from './access.ts'
import { createApp } from './app.ts'
import { allowOrigins } from './cors.ts'
import { answerWith } from './exchanges.ts'
import { createResumables } from './files/resumables.ts'
import { answerGarbage } from './garbage.ts'
import { answerOnce } from './idempotency.ts'
import { readSite, takeSite } from './named-site.ts'
import { describeApi } from './openapi.ts'
import { limitRates } from './rates.ts'
import { addAllowedRoute } from './routes/allowed.ts'
import { addAuditRoutes } from './routes/audit.ts'
import { addDocsRoute } from './routes/docs.ts'
import { addFileRoutes, addStreamRoutes } from './routes/files.ts'
import { addGrantRoutes } from './routes/grants.ts'
import { addGroupRoutes } from './routes/groups.ts'
import { addGuestRoute } from './routes/guest.ts'
import { addHealthRoutes } from './routes/health.ts'
import { addKeyRoutes } from './routes/keys.ts'
import { addMountRoutes } from './routes/mounts.ts'
import { addSessionRoutes } from './routes/sessions.ts'
import { addSiteRoutes } from './routes/sites.ts'
import { addSshKeyRoutes } from './routes/ssh-keys.ts'
import { addStartRoutes } from './routes/start.ts'
import { addTestRoute } from './routes/test.ts'
import { addTrashRoutes } from './routes/trash.ts'
import { addTusOptions, addUploadRoutes } from './routes/uploads.ts'
import { addUserRoutes } from './routes/users.ts'

export type RestOptions = DoorOptions & {
  /** The use cases that the admin API offers. */
  readonly identity: IdentityDeps
  /** Handlers that answer below paths of their own on the same listener: the console. */
  readonly annexes?: readonly Annex[] | undefined
  /** Origins whose pages may use the API from a browser, such as `https://app.example.org`; default none. */
  readonly corsOrigins?: readonly string[] | undefined
  /** Requests a minute that one caller may make to the admin API; default 6,000; 0 counts nobody. */
  readonly requestsPerMinute?: number | undefined
}

const REQUESTS_PER_MINUTE = 6_000
const FORGET_MS = 60_000

/** Starts the REST door: files, the admin API, its description, health, and the one-time link's page. */
export const startRestDoor: Door<RestOptions> = async (gate, options) => {
  const { listener, log, identity } = options
  const resumables = createResumables(gate, identity.clock)
  const app = await buildApp(gate, options, resumables)
  await app.ready()
  const forgetting = setInterval(() => void forgetAnswers(identity).catch(() => {}), FORGET_MS).unref()
  const { address, port, tls } = listener
  const http = { address, port, log, refuse: answerGarbage, ...(tls !== undefined && { tls }) }
  const server = await startHttpServer(withAnnexes(answerWith(app), options.annexes), http).catch(
    async (error: unknown) => {
      await app.close()
      throw error
    },
  )
  return {
    port: server.port,
    async stop(deadline) {
      clearInterval(forgetting)
      await server.stop(deadline)
      await resumables[Symbol.asyncDispose]()
      await app.close()
    },
  }
}

type Parts = Parameters<typeof startRestDoor>

/** All routes, not listening yet. */
async function buildApp(
  gate: Parts[0],
  options: RestOptions,
  resumables: ReturnType<typeof createResumables>,
) {
  const { listener, log, identity } = options
  const proxies = trustedProxies(options.trustedProxies)
  const app = createApp(log)
  allowOrigins(app, options.corsOrigins ?? [])
  await describeApi(app)
  await app.register(async (open) => addHealthRoutes(open, identity))
  await app.register(async (open) => addDocsRoute(open))
  await app.register(async (open) => addTusOptions(open))
  await app.register(async (open) => addGuestRoute(open, gate, listener, identity))
  await app.register(async (open) => addStartRoutes(open, identity, { log, proxies }))
  await app.register(async (closed) => {
    closed.addHook('onRequest', (request, reply) => enter({ gate, listener, proxies }, request, reply))
    limitRates(closed, identity.clock, options.requestsPerMinute ?? REQUESTS_PER_MINUTE)
    closed.addHook('onRoute', takeSite)
    closed.addHook('preHandler', async (request) => {
      refuseRevoked(request)
      await readSite(identity, request)
    })
    answerOnce(closed, identity)
    addTestRoute(closed)
    addSiteRoutes(closed, identity)
    addUserRoutes(closed, identity)
    addSshKeyRoutes(closed, identity)
    addGroupRoutes(closed, identity)
    addGrantRoutes(closed, identity)
    addMountRoutes(closed, identity)
    addKeyRoutes(closed, identity)
    addAuditRoutes(closed, identity)
    addSessionRoutes(closed, identity)
    addTrashRoutes(closed)
    addAllowedRoute(closed, identity)
    addFileRoutes(closed)
    await closed.register(async (streams) => addStreamRoutes(streams))
    await closed.register(async (streams) => addUploadRoutes(streams, resumables))
  })
  return app
}
