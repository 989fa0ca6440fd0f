import { createServer, type Server, type Socket } from 'node:net'
import type { Gate } from '#credentials/gate.ts'
import { type Neighbours, NO_NEIGHBOURS } from '#credentials/ports.ts'
import { trustedProxies } from '#net/proxy.ts'
import { receiveProxyHeader } from '#net/proxy-protocol.ts'
import type { Door, DoorOptions, RunningDoor } from '#protocols/protocol.ts'
import { isLoopback, plainAddress } from './addresses.ts'
import { createBlocks } from './blocks.ts'
import { commandArrived, runCommand } from './commands.ts'
import { Control } from './control.ts'
import { type ExternalAddress, externalAddressFor } from './external.ts'
import { DEFAULT_HASH } from './hash.ts'
import { noInterrupted } from './interrupted.ts'
import { FACTS } from './listing-format.ts'
import { createPatience } from './patience.ts'
import { createPortPool, type PassivePorts } from './ports.ts'
import {
  cutOff,
  type FtpContext,
  type FtpSession,
  type FtpSettings,
  freshState,
  leave,
  startGrace,
} from './session.ts'
import { type ClientAuthority, createSessionTls } from './tls-session.ts'

export type FtpDoorOptions = DoorOptions & {
  /** Where data connections are awaited; `any` lets the system choose. */
  readonly passivePorts: PassivePorts
  /** IPv4 address or name that PASV tells clients from elsewhere; default the one they connected to. */
  readonly externalAddress?: string | undefined
  /** PORT and EPRT; default on loopback listeners only. */
  readonly allowActive?: boolean | undefined
  /** The same for clients of these networks (CIDR), the first that fits; before `externalAddress`. */
  readonly externalAddresses?: readonly ExternalAddress[] | undefined
  /** Data connections must resume the TLS session of their control connection; default false. */
  readonly requireSessionReuse?: boolean | undefined
  /** Clients are asked for a certificate that one of `ca` (PEM) signed; `required`: else nobody logs in. */
  readonly clientCertificates?: (() => ClientAuthority) | undefined
  /** Logins and data over TLS only; default everywhere but on loopback listeners. */
  readonly requireTls?: boolean | undefined
  /** Time to log in; default 30 s. */
  readonly loginGraceMs?: number | undefined
  /** Time without a command, or without a byte on a data connection; default 300 s. */
  readonly idleMs?: number | undefined
  /** The n-th wrong login is answered n times so late; default 1 s. */
  readonly wrongLoginDelayMs?: number | undefined
  /** Time for a data connection to come about; default 20 s. */
  readonly dataConnectMs?: number | undefined
  /** Default 2,000. */
  readonly maxConnections?: number | undefined
  /** Default 200. */
  readonly maxConnectionsPerAddress?: number | undefined
  /** Other processes that serve the same listener; default none. */
  readonly neighbours?: Neighbours | undefined
  /** Milliseconds since the epoch; default the system's clock. */
  readonly now?: (() => number) | undefined
}

/** The sessions of a running door, and how many each address has. */
type Sessions = { readonly all: Set<FtpSession>; readonly perAddress: Map<string, number> }

/** Starts the FTP door (RFC 959, 2389, 2428, 3659, 4217, 7151). */
export const startFtpDoor: Door<FtpDoorOptions> = async (gate, options) => {
  const context = createContext(gate, options)
  const sessions: Sessions = { all: new Set(), perAddress: new Map() }
  const proxies = trustedProxies(options.trustedProxies)
  const stopping = new AbortController()
  const server = createServer({ noDelay: true }, (socket) => {
    if (!options.listener.proxyProtocol) {
      return welcome(context, sessions, socket, plainAddress(socket.remoteAddress))
    }
    void receiveProxyHeader(socket, proxies, stopping.signal).then((address) => {
      if (address !== null) welcome(context, sessions, socket, address)
    })
  })
  const port = await listen(server, options)
  server.on('error', (error) => context.log.error({ err: error }, 'ftp: the listener failed'))
  return {
    port,
    stop(deadline) {
      stopping.abort()
      return stop(server, context, sessions, deadline)
    },
  }
}

function createContext(gate: Gate, options: FtpDoorOptions): FtpContext {
  const { listener, log } = options
  const { tls = null } = listener
  const local = isLoopback(listener.address)
  const settings: FtpSettings = {
    listener,
    tls,
    externalAddressFor: externalAddressFor(options.externalAddresses ?? [], options.externalAddress ?? null),
    requireSessionReuse: options.requireSessionReuse ?? false,
    // Asked for by each connection: it may change.
    get clientAuthority() {
      return options.clientCertificates?.() ?? null
    },
    allowActive: options.allowActive ?? local,
    requireTls: options.requireTls ?? !local,
    implicitTls: listener.implicitTls ?? false,
    loginGraceMs: options.loginGraceMs ?? 30_000,
    idleMs: options.idleMs ?? 300_000,
    wrongLoginDelayMs: options.wrongLoginDelayMs ?? 1000,
    dataConnectMs: options.dataConnectMs ?? 20_000,
    maxConnections: options.maxConnections ?? 2000,
    maxConnectionsPerAddress: options.maxConnectionsPerAddress ?? 200,
  }
  if (settings.requireTls && tls === null)
    log.warn({}, 'ftp: TLS is required but not set up: nobody can log in')
  const ports = createPortPool(options.passivePorts)
  const now = options.now ?? Date.now
  const interrupted = noInterrupted(options.neighbours ?? NO_NEIGHBOURS, now)
  const shared = { blocks: createBlocks(), dataSockets: new Set<Socket>(), interrupted }
  return { gate, log, settings, ports, ...shared, now }
}

function listen(server: Server, options: FtpDoorOptions): Promise<number> {
  const { address, port } = options.listener
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host: address, port, backlog: 511 }, () => {
      server.off('error', reject)
      const bound = server.address()
      resolve(bound !== null && typeof bound === 'object' ? bound.port : port)
    })
  })
}

function welcome(context: FtpContext, sessions: Sessions, socket: Socket, address: string): void {
  const { maxConnections, maxConnectionsPerAddress } = context.settings
  const before = sessions.perAddress.get(address) ?? 0
  socket.on('error', () => {})
  if (sessions.all.size >= maxConnections || before >= maxConnectionsPerAddress) {
    socket.end('421 Too many connections\r\n', () => socket.destroy())
    return
  }
  const session = startSession(context, socket, address)
  sessions.all.add(session)
  sessions.perAddress.set(address, before + 1)
  session.control.over.addEventListener('abort', () => leave(session), { once: true })
  const forget = () => {
    const left = (sessions.perAddress.get(address) ?? 1) - 1
    if (left > 0) sessions.perAddress.set(address, left)
    else sessions.perAddress.delete(address)
    sessions.all.delete(session)
  }
  // A session may outlive its connection, when the client hung up after QUIT.
  socket.once('close', () => {
    if (session.control.over.aborted) forget()
    else session.control.over.addEventListener('abort', forget, { once: true })
  })
  session.control.reply(220, 'Latchkey FTP')
}

function startSession(context: FtpContext, socket: Socket, address: string): FtpSession {
  const { idleMs, implicitTls, tls } = context.settings
  const control = new Control(socket, idleMs, {
    run: (command) => runCommand(session, command),
    arrived: (command) => commandArrived(session, command),
    idle: () => {
      if (session.transfer === null) control.close(421, 'Nothing came for a long time')
    },
  })
  const session: FtpSession = {
    ...freshState(),
    context,
    control,
    address,
    localAddress: plainAddress(socket.localAddress),
    host: null,
    client: '',
    wrongLogins: 0,
    graceTimer: null,
    patience: createPatience(context.settings.dataConnectMs),
    tls: null,
    privateData: false,
    facts: new Set(FACTS),
    hash: DEFAULT_HASH,
    leaving: false,
  }
  startGrace(session)
  if (implicitTls && tls) {
    session.tls = createSessionTls({ ...context.settings, tls }, undefined)
    session.privateData = true
    control.startTls(session.tls)
  }
  return session
}

/** Idle sessions get their good-bye at once, others when their transfer is done or `deadline` fires. */
async function stop(
  server: Server,
  context: FtpContext,
  sessions: Sessions,
  deadline: AbortSignal,
): ReturnType<RunningDoor['stop']> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  const cutAll = () => {
    for (const session of sessions.all) cutOff(session, 'The server is closing')
    for (const socket of context.dataSockets) socket.destroy()
  }
  for (const session of sessions.all) {
    session.leaving = true
    if (session.transfer === null) cutOff(session, 'The server is closing')
  }
  if (deadline.aborted) cutAll()
  else deadline.addEventListener('abort', cutAll, { once: true })
  const running = [...sessions.all].map((session) => session.transfer?.ended.promise)
  await closed
  await Promise.all(running)
  await Promise.all(
    [...context.dataSockets].map((socket) => new Promise((resolve) => socket.once('close', resolve))),
  )
  deadline.removeEventListener('abort', cutAll)
}
