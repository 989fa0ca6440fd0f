import { createServer, type Server, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import ssh2 from 'ssh2'
import type { Gate } from '#credentials/gate.ts'
import { peerAddress, trustedProxies } from '#net/proxy.ts'
import { receiveProxyHeader } from '#net/proxy-protocol.ts'
import type { DoorOptions, RunningDoor } from '../protocol.ts'
import { createAdmission } from './admission.ts'
import { algorithms } from './algorithms.ts'
import { SshConnection } from './connection.ts'
import { chachaWorks, cryptoInUse } from './native.ts'

const BROKEN_CHACHA =
  "ssh2's addon was built without --real_openssl_major: chacha20 does not work and is not offered"
const LOGIN_GRACE_MS = 60_000
const MAX_CONNECTIONS = 2_000
const KEEPALIVE_MS = 15_000
const KEEPALIVE_COUNT = 3
const REKEY_BYTES = 1024 ** 3
const REKEY_LOOK_MS = 1_000
const STOP_LOOK_MS = 25

export type SftpDoorOptions = DoorOptions & {
  /** Private keys, PEM or OpenSSH; of two of one kind the first counts. */
  readonly hostKeys: readonly string[]
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
  requireCrypto(options)
  const connections = new Map<string, SshConnection>()
  const transport = createTransport(options.hostKeys, connections)
  const admission = createAdmission(options.maxConnections ?? MAX_CONNECTIONS)

  const welcome = (socket: Socket, address: string) => {
    const place = address === '' ? null : admission.enter(address)
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
    transport.injectSocket(socket)
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

/** ssh2's server without its listening socket: it never sets TCP_NODELAY and drops no silent client. */
function createTransport(
  hostKeys: readonly string[],
  connections: ReadonlyMap<string, SshConnection>,
): InstanceType<typeof ssh2.Server> {
  const transport = new ssh2.Server({
    hostKeys: [...hostKeys],
    algorithms: algorithms(chachaWorks()),
    ident: 'Latchkey',
    keepaliveInterval: KEEPALIVE_MS,
    keepaliveCountMax: KEEPALIVE_COUNT,
  })
  transport.on('connection', (client, info) => {
    const connection = connections.get(peerOf(info.ip, info.port))
    if (connection) connection.greet(client, info)
    else client.end()
  })
  return transport
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
