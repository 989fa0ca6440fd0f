import type { Gate } from '#credentials/gate.ts'
import type { Certificates } from '#net/certificates.ts'

/** What a door may write to the log; never a secret. The shape of pino. */
export type DoorLog = {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** Where a door listens. `siteId`: connections here are for this site; null: the host name or key decides. */
export type Listener = {
  readonly address: string
  readonly port: number
  readonly siteId: string | null
  /** SFTP and FTP: each connection begins with a PROXY header of a trusted proxy; others are closed. */
  readonly proxyProtocol?: boolean
  /** WebDAV, S3 and REST: HTTPS with these. FTP: TLS is offered with these. SFTP has no use for them. */
  readonly tls?: Certificates | undefined
  /** FTP: TLS from the first byte (port 990) instead of by AUTH TLS. */
  readonly implicitTls?: boolean
}

export type DoorOptions = {
  readonly listener: Listener
  readonly log: DoorLog
  /** CIDR ranges of proxies whose word about a client's address is taken; default none. */
  readonly trustedProxies?: readonly string[] | undefined
}

/**
 * A running door. `port` is the one that was taken (`listener.port` 0 takes a free one). Disposal stops
 * accepting at once, lets running transfers finish until `drain` fires, then cuts them.
 */
export type RunningDoor = {
  readonly port: number
  /** Stops accepting; resolves when all work is done, or soon after `deadline` aborted. */
  stop(deadline: AbortSignal): Promise<void>
}

/** Each protocol's front: `start<Name>Door(gate, options)`. Rejects with Error code EADDRINUSE as node does. */
export type Door<Options extends DoorOptions = DoorOptions> = (
  gate: Gate,
  options: Options,
) => Promise<RunningDoor>
