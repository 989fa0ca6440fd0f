import type { Gate, People } from '#credentials/gate.ts'
import type { Neighbours } from '#credentials/ports.ts'
import type { IdentityDeps } from '#identity/deps.ts'
import type { Certificates } from '#net/certificates.ts'
import { type FtpDoorOptions, startFtpDoor } from '#protocols/ftp/door.ts'
import type { DoorLog, Listener, RunningDoor } from '#protocols/protocol.ts'
import { startRestDoor } from '#protocols/rest/door.ts'
import { startS3Door } from '#protocols/s3/door.ts'
import { startSftpDoor } from '#protocols/sftp/door.ts'
import { startWebdavDoor } from '#protocols/webdav/door.ts'
import type { Addresses } from './client-lines.ts'
import type { Config, DoorSection, ListenConfig } from './config.ts'
import { consoleAnnexes } from './console.ts'
import type { HostKeys } from './host-key.ts'
import { StartError } from './master-key.ts'
import type { ClientAuthorities } from './tls.ts'

export type DoorDeps = {
  readonly gate: Gate
  readonly people: People
  readonly identity: IdentityDeps
  readonly hostKeys: HostKeys['now']
  /** Null: none is configured, and no listener asks for TLS. */
  readonly certificates: Certificates | null
  /** The id of a site that a listener names; null when there is none of that name. */
  readonly siteId: (name: string) => Promise<string | null>
  readonly log: (door: DoorSection) => DoorLog
  /** Who signs client certificates for FTP; default nobody is asked for one. */
  readonly clientAuthorities?: ClientAuthorities | null
  /** Other processes that serve the same listeners; default none. */
  readonly neighbours?: Neighbours | undefined
}

export type RunningDoors = {
  /** Of the first listener of each door. */
  readonly addresses: Addresses
  /** Every listener, as `<door> <address>:<port>`. */
  readonly listeners: readonly string[]
  stop(deadline: AbortSignal): Promise<void>
}

type Start = (listener: Listener) => Promise<RunningDoor>

const SCHEMES: Readonly<Record<DoorSection, string>> = {
  webdav: 'http',
  s3: 'http',
  rest: 'http',
  sftp: 'sftp',
  ftp: 'ftp',
}

function schemeOf(section: DoorSection, tls: ListenConfig['tls']): string {
  const secure = tls === 'implicit' || (tls && SCHEMES[section] === 'http')
  return secure ? `${SCHEMES[section]}s` : SCHEMES[section]
}

/** Starts every configured door, or none: on the first failure those that run are stopped again. */
export async function startDoors(config: Config, deps: DoorDeps): Promise<RunningDoors> {
  const running: RunningDoor[] = []
  const addresses: Partial<Record<DoorSection, string>> = {}
  const listeners: string[] = []
  try {
    for (const [section, start] of starters(config, deps, addresses)) {
      for (const listen of config[section].listen) {
        const door = await startOne(section, listen, start, deps)
        running.push(door)
        addresses[section] ??= `${schemeOf(section, listen.tls)}://${inUrl(listen.address)}:${door.port}`
        listeners.push(`${section} ${inUrl(listen.address)}:${door.port}`)
      }
    }
  } catch (error) {
    await Promise.all(running.map((door) => door.stop(AbortSignal.abort())))
    throw error
  }
  return {
    addresses,
    listeners,
    async stop(deadline) {
      await Promise.all(running.map((door) => door.stop(deadline)))
    },
  }
}

function starters(config: Config, deps: DoorDeps, addresses: Addresses): ReadonlyMap<DoorSection, Start> {
  const { gate, people, identity, hostKeys, neighbours } = deps
  const { s3, sftp, trustedProxies } = config
  const ftp = ftpOptions(config.ftp, deps.clientAuthorities?.now)
  return new Map<DoorSection, Start>([
    ['webdav', (listener) => startWebdavDoor(gate, { listener, trustedProxies, log: deps.log('webdav') })],
    [
      's3',
      (listener) =>
        startS3Door(gate, {
          listener,
          trustedProxies,
          log: deps.log('s3'),
          region: s3.region,
          domains: s3.domains,
          neighbours,
        }),
    ],
    [
      'sftp',
      (listener) =>
        startSftpDoor(gate, {
          listener,
          trustedProxies,
          log: deps.log('sftp'),
          hostKeys,
          requireNativeCrypto: sftp.requireNativeCrypto,
          loginGraceMs: sftp.loginGrace,
        }),
    ],
    [
      'ftp',
      (listener) =>
        startFtpDoor(gate, {
          listener,
          trustedProxies,
          log: deps.log('ftp'),
          ...ftp,
          neighbours,
        }),
    ],
    [
      'rest',
      (listener) => {
        const log = deps.log('rest')
        const annexes = consoleAnnexes(config, { gate, people, identity, log, addresses }, listener)
        const { corsOrigins, requestsPerMinute } = config.rest
        return startRestDoor(gate, {
          listener,
          trustedProxies,
          log,
          identity,
          annexes,
          corsOrigins,
          requestsPerMinute,
        })
      },
    ],
  ])
}

function ftpOptions(
  ftp: Config['ftp'],
  clientCertificates: FtpDoorOptions['clientCertificates'],
): Omit<FtpDoorOptions, 'listener' | 'log'> {
  return {
    passivePorts: ftp.passivePorts,
    externalAddress: ftp.externalAddress ?? undefined,
    externalAddresses: ftp.externalAddresses,
    requireTls: ftp.requireTls ?? undefined,
    requireSessionReuse: ftp.requireSessionReuse,
    clientCertificates,
    allowActive: ftp.active ?? undefined,
    loginGraceMs: ftp.loginGrace,
    idleMs: ftp.idleTimeout,
    maxConnections: ftp.maxConnections,
    maxConnectionsPerAddress: ftp.maxConnectionsPerAddress,
  }
}

async function startOne(
  section: DoorSection,
  { address, port, site, proxyProtocol, tls }: ListenConfig,
  start: Start,
  deps: DoorDeps,
): Promise<RunningDoor> {
  const siteId = site === null ? null : await deps.siteId(site)
  if (site !== null && siteId === null) {
    throw new StartError(
      `${section}: there is no site named ${site} (\`latchkey site add ${site}\` makes it)`,
    )
  }
  try {
    const certificates = tls === false ? undefined : (deps.certificates ?? undefined)
    return await start({
      address,
      port,
      siteId,
      proxyProtocol,
      tls: certificates,
      implicitTls: tls === 'implicit',
    })
  } catch (error) {
    throw new StartError(`${section}: cannot listen on ${inUrl(address)}:${port}: ${listenProblem(error)}`)
  }
}

function listenProblem(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const code = 'code' in error ? error.code : undefined
  if (code === 'EADDRINUSE') return 'another program has this port (set another one in the configuration)'
  if (code === 'EACCES') return 'not permitted (ports below 1024 need the right to bind them)'
  if (code === 'EADDRNOTAVAIL') return 'this machine has no such address'
  return error.message
}

function inUrl(address: string): string {
  return address.includes(':') ? `[${address}]` : address
}
