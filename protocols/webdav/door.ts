import { startHttpServer } from '#net/http-server.ts'
import { trustedProxies } from '#net/proxy.ts'
import type { Door, DoorOptions } from '#protocols/protocol.ts'
import { handle } from './handler.ts'

export type WebdavDoorOptions = DoorOptions & {
  /** For the time that locks still have; default: the machine's. */
  readonly clock?: { now(): number }
}

/** Serves the site's tree by WebDAV, classes 1, 2 and 3 (RFC 4918 §18). */
export const startWebdavDoor: Door<WebdavDoorOptions> = (gate, options) => {
  const { listener, log, clock = Date } = options
  const { address, port, siteId, tls } = listener
  const proxies = trustedProxies(options.trustedProxies)
  const handling = { siteId, proxies, now: () => clock.now() }
  return startHttpServer((exchange) => handle(gate, exchange, handling), { address, port, log, tls })
}
