import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

/** Two ends of a TCP connection; the server's is not read from yet. Neither throws when it is reset. */
export type SocketPair = Disposable & { readonly server: Socket; readonly client: Socket }

export async function socketPair(): Promise<SocketPair> {
  const listener = createServer({ pauseOnConnect: true })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const address = listener.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const arrival: Promise<Socket[]> = once(listener, 'connection')
  const client = connect(address.port, '127.0.0.1').on('error', () => {})
  await once(client, 'connect')
  const [server] = await arrival
  listener.close()
  if (!server) throw new Error('nobody came')
  server.on('error', () => {})
  return {
    server,
    client,
    [Symbol.dispose]() {
      client.destroy()
      server.destroy()
    },
  }
}
