import { connect, createServer, type Server, type Socket } from 'node:net'
import { plainAddress } from './addresses.ts'
import type { Patience } from './patience.ts'
import type { PortPool } from './ports.ts'

/** A data connection that was agreed on (PASV, PORT …) but not used yet. */
export type DataSource = {
  /** The connection, not read from yet; null when it does not come in time or `stop` fires. */
  connect(stop: AbortSignal): Promise<Socket | null>
  /** Gives up what was agreed on. */
  close(): void
}

export type PassiveSource = DataSource & { readonly port: number }

/** Waits on a port of ours for one connection from `peer`; null when no port is free. */
export async function listenForData(
  ports: PortPool,
  ends: { readonly local: string; readonly peer: string; readonly patience: Patience },
): Promise<PassiveSource | null> {
  for (let attempt = 0; attempt < ports.size; attempt++) {
    const port = ports.take()
    if (port === null) return null
    const server = createServer({ pauseOnConnect: true, noDelay: true })
    const taken = await listen(server, port, ends.local)
    if (taken !== null) {
      return passiveSource(server, taken, { ...ends, released: () => ports.release(port) })
    }
    ports.release(port)
  }
  return null
}

/** The port, or null when another program has it. */
function listen(server: Server, port: number, host: string): Promise<number | null> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(null)
      else reject(error)
    })
    server.listen({ port, host, exclusive: true, backlog: 8 }, () => {
      server.removeAllListeners('error')
      server.on('error', () => {})
      resolve(port === 0 ? portOf(server) : port)
    })
  })
}

function portOf(server: Server): number | null {
  const address = server.address()
  return address !== null && typeof address === 'object' ? address.port : null
}

function passiveSource(
  server: Server,
  port: number,
  ends: { readonly peer: string; readonly patience: Patience; released(): void },
): PassiveSource {
  const arrival = createArrival(ends.patience)
  const stopListening = () => {
    if (!server.listening) return
    server.close()
    ends.released()
  }
  server.on('connection', (socket) => {
    socket.on('error', () => {})
    const welcome = plainAddress(socket.remoteAddress) === ends.peer && arrival.settle(socket)
    if (welcome) stopListening()
    else socket.destroy()
  })
  return {
    port,
    connect: (stop) => arrival.wait(stop),
    close: () => {
      stopListening()
      arrival.abandon()
    },
  }
}

/** Connects to the client (PORT, EPRT) when the transfer starts. */
export function connectForData(target: {
  readonly host: string
  readonly port: number
  readonly local: string
  readonly patience: Patience
}): DataSource {
  const arrival = createArrival(target.patience)
  return {
    connect: (stop) => {
      const socket = connect({
        host: target.host,
        port: target.port,
        localAddress: target.local,
        noDelay: true,
      })
      socket.on('error', () => arrival.settle(null))
      socket.once('connect', () => {
        if (!arrival.settle(socket)) socket.destroy()
      })
      return arrival.wait(stop).finally(() => {
        if (socket.connecting) socket.destroy()
      })
    },
    close: () => arrival.abandon(),
  }
}

/** One connection that comes, or does not. */
type Arrival = {
  /** False when it is settled already. */
  settle(socket: Socket | null): boolean
  wait(stop: AbortSignal): Promise<Socket | null>
  /** Nobody waits any more: what came or comes is destroyed. */
  abandon(): void
}

function createArrival(patience: Patience): Arrival {
  const { promise, resolve } = Promise.withResolvers<Socket | null>()
  let settled = false
  let socket: Socket | null = null
  let handedOver = false
  const settle = (arrived: Socket | null) => {
    if (settled) return false
    settled = true
    socket = arrived
    resolve(arrived)
    return true
  }
  return {
    settle,
    async wait(stop) {
      handedOver = true
      const giveUp = () => settle(null)
      patience.begin(giveUp)
      stop.addEventListener('abort', giveUp, { once: true })
      if (stop.aborted) giveUp()
      try {
        return await promise
      } finally {
        patience.end()
        stop.removeEventListener('abort', giveUp)
      }
    },
    abandon() {
      settle(null)
      if (!handedOver) socket?.destroy()
    },
  }
}
