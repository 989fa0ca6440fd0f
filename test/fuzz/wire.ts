import { connect, createServer, type Socket } from 'node:net'
import type { Random } from '../seeded.ts'

/** What a client sent over each of its connections while `work` ran, through a proxy that changes nothing. */
export async function recordClient(
  port: number,
  work: (port: number) => Promise<unknown>,
): Promise<Buffer[]> {
  const recorded: Buffer[][] = []
  const open = new Set<Socket>()
  const proxy = createServer((client) => {
    const chunks: Buffer[] = []
    recorded.push(chunks)
    const server = connect(port, '127.0.0.1')
    for (const socket of [client, server]) {
      open.add(socket)
      socket.on('error', () => undefined)
    }
    client.on('data', (chunk) => chunks.push(Buffer.from(chunk)))
    client.pipe(server).pipe(client)
  })
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  const address = proxy.address()
  try {
    await work(typeof address === 'object' && address !== null ? address.port : 0)
  } finally {
    for (const socket of open) socket.destroy()
    proxy.close()
  }
  return recorded.map((chunks) => Buffer.concat(chunks)).filter((bytes) => bytes.length > 0)
}

const QUIET_MS = 20
const LONGEST_MS = 1_000

/** Sends bytes in a few segments, reads until the server is quiet or closes, and hangs up. */
export function throwAt(port: number, bytes: Buffer, random: Random): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    let quiet: NodeJS.Timeout | undefined
    const hangUp = () => (random.next() < 0.5 ? socket.resetAndDestroy() : socket.destroy())
    const end = setTimeout(hangUp, LONGEST_MS)
    const wait = () => {
      clearTimeout(quiet)
      quiet = setTimeout(hangUp, QUIET_MS)
    }
    socket.setNoDelay(true)
    socket.on('error', () => undefined)
    socket.on('data', wait)
    socket.on('close', () => {
      clearTimeout(quiet)
      clearTimeout(end)
      resolve()
    })
    socket.on('connect', () => {
      const cut = random.between(0, bytes.length)
      socket.write(bytes.subarray(0, cut))
      setImmediate(() => {
        if (!socket.destroyed) socket.write(bytes.subarray(cut))
        wait()
      })
    })
  })
}
