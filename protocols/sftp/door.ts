import { createServer, type Server, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { Gate } from '#credentials/gate.ts'
import { peerAddress, trustedProxies } from '#net/proxy.ts'
import { receiveProxyHeader } from '#net/proxy-protocol.ts'
import type { DoorOptions, RunningDoor } from '../protocol.ts'
import { createAdmission } from './admission.ts'
import { SshConnection } from './connection.ts'
import type { HostKeySet } from './host-key.ts'
import { chachaWorks, cryptoInUse } from './native.ts'
import { requireKnownSsh2 } from './ssh-internals.ts'
import { createTransport, type Transport } from './transport.ts'

const BROKEN_CHACHA =
  "ssh2's addon was built without --real_openssl_major: chacha20 does not work and is not offered"
const LOGIN_GRACE_MS = 60_000
const MAX_CONNECTIONS = 2_000
const REKEY_BYTES = 1024 ** 3
const REKEY_LOOK_MS = 1_000
const STOP_LOOK_MS = 25

export type SftpDoorOptions = DoorOptions & {
  /**
   * Private keys, PEM or OpenSSH; of two of one kind the first counts. Or what tells them for each connection:
   * the same object as long as they are the same.
   */
  readonly hostKeys: readonly string[] | (() => HostKeySet)
  /** Refuse to start on ssh2's JavaScript crypto. */
  readonly requireNativeCrypto?: boolean
  /** How long a connection may take to log in; default one minute. */
  readonly loginGraceMs?: number
  readonly maxConnections?: number
  /** Keys are exchanged anew after this many bytes, and after an hour; default 1 GiB. */
  readonly rekeyBytes?: number
}

/** Starts SFTP version 3 over SSH. Rejects for a host key that cannot be read, and as `Door` says. */
export async function startSftpDoor(gate: Gate, options: SftpDoorOptions): Promise<RunningDoor> {
  requireKnownSsh2()
  requireCrypto(options)
  const connections = new Map<string, SshConnection>()
  const transport = createTransports(options, connections)
  // A key that cannot be read is found now and not with the first client.
  transport()
  const admission = createAdmission(options.maxConnections ?? MAX_CONNECTIONS)

  const welcome = (socket: Socket, address: string) => {
    if (address === '') return void socket.destroy()
    if (gate.heldOff(address) > 0) return turnAway(socket)
    const place = admission.enter(address, () => socket.destroy())
    if (place === null) return void socket.destroy()
    const key = peerOf(socket.remoteAddress, socket.remotePort)
    const connection = new SshConnection(socket, {
      address,
      gate,
      log: options.log,
      siteId: options.listener.siteId,
      loginGraceMs: options.loginGraceMs ?? LOGIN_GRACE_MS,
      rekeyBytes: options.rekeyBytes ?? REKEY_BYTES,
      onAuthenticated: place.known,
      onClosed() {
        if (connections.get(key) === connection) connections.delete(key)
        place.left()
      },
    })
    connections.set(key, connection)
    transport().inject(socket)
    connection.watch()
  }
  const proxies = trustedProxies(options.trustedProxies)
  const stopping = new AbortController()
  const server = createServer((socket) => {
    if (!options.listener.proxyProtocol) return welcome(socket, peerAddress(socket))
    void receiveProxyHeader(socket, proxies, stopping.signal).then((address) => {
      if (address !== null) welcome(socket, address)
    })
  })

  await listen(server, options)
  const rekeying = setInterval(() => {
    for (const connection of connections.values()) connection.rekeyWhenDue()
  }, REKEY_LOOK_MS)
  rekeying.unref()

  return {
    port: portOf(server),
    async stop(deadline) {
      clearInterval(rekeying)
      stopping.abort()
      server.close()
      await endAll(connections, deadline)
    },
  }
}

function requireCrypto({ log, requireNativeCrypto }: SftpDoorOptions): void {
  if (!chachaWorks()) log.error({ cipher: 'chacha20' }, `sftp: ${BROKEN_CHACHA}`)
  if (cryptoInUse() === 'native') return
  const problem = 'ssh2 runs on JavaScript crypto, 2 to 4 times slower: run `npm rebuild` with this Node'
  if (requireNativeCrypto) throw new Error(problem)
  log.error({ crypto: 'javascript' }, `sftp: ${problem}`)
}

/** The transport of the host keys as they are: another one when they changed; connections keep theirs. */
function createTransports(
  { hostKeys }: SftpDoorOptions,
  connections: ReadonlyMap<string, SshConnection>,
): () => Transport {
  const fixed: HostKeySet | null = typeof hostKeys === 'function' ? null : { current: hostKeys, next: [] }
  const now = typeof hostKeys === 'function' ? hostKeys : null
  const make = (keys: HostKeySet) =>
    createTransport(keys, (client, info) => {
      const connection = connections.get(peerOf(info.ip, info.port))
      if (connection) connection.greet(client, info)
      else client.end()
    })
  let held: { readonly keys: HostKeySet; readonly transport: Transport } | null = null
  return () => {
    const keys = now?.() ?? fixed ?? { current: [], next: [] }
    if (held?.keys !== keys) held = { keys, transport: make(keys) }
    return held.transport
  }
}

/** As OpenSSH says it to an address with a penalty: a line before the identification (RFC 4253, 4.2). */
function turnAway(socket: Socket): void {
  socket.on('error', () => undefined)
  socket.end('Not allowed at this time\r\n', () => socket.destroy())
}

function peerOf(address: string | undefined, port: number | undefined): string {
  return `${address} ${port}`
}

function listen(server: Server, { listener, log }: SftpDoorOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(listener.port, listener.address, () => {
      server.off('error', reject)
      server.on('error', (err) => log.error({ err }, 'sftp: listener failed'))
      resolve()
    })
  })
}

function portOf(server: Server): number {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('sftp: not listening on a port')
  return address.port
}

/** Each connection may finish what runs; after the deadline none. Resolves when nothing is left. */
async function endAll(connections: ReadonlyMap<string, SshConnection>, deadline: AbortSignal): Promise<void> {
  while (connections.size > 0) {
    for (const connection of connections.values()) {
      if (deadline.aborted) connection.destroy()
      else if (connection.idle) connection.cut('server stops')
    }
    await delay(STOP_LOOK_MS)
  }
}
