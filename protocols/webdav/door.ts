import { startHttpServer } from '#net/http-server.ts'
import type { Door, DoorOptions } from '#protocols/protocol.ts'
import { handle } from './handler.ts'

export type WebdavDoorOptions = DoorOptions & {
  /** For the time that locks still have; default: the machine's. */
  readonly clock?: { now(): number }
}

/** Serves the site's tree by WebDAV, classes 1 and 2 (RFC 4918). */
export const startWebdavDoor: Door<WebdavDoorOptions> = (gate, { listener, log, clock = Date }) => {
  const { address, port, siteId } = listener
  const options = { siteId, now: () => clock.now() }
  return startHttpServer((exchange) => handle(gate, exchange, options), { address, port, log })
}
