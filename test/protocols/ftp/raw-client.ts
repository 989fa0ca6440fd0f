import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** A control connection by hand: every byte that is sent is the test's own. */
export type RawClient = Disposable & {
  socket: Socket
  /** The next reply, with all its lines. Rejects when the connection closes first. */
  reply(): Promise<string>
  send(text: string): void
  /** Sends one line and waits for its reply. */
  command(line: string): Promise<string>
  /** EPSV, and the connection to what it told. */
  openData(): Promise<Socket>
  /** What came and was not asked for. */
  readonly unread: readonly string[]
  readonly closed: Promise<void>
  /** Reads from another socket from now on (TLS). */
  use(socket: Socket): void
}

export async function connectRaw(port: number): Promise<RawClient> {
  const client = createRawClient(connect({ port, host: '127.0.0.1' }))
  await client.reply()
  return client
}

export async function loginRaw(port: number, key: { login: string; value: string }): Promise<RawClient> {
  const client = await connectRaw(port)
  await client.command(`USER ${key.login}`)
  const answer = await client.command(`PASS ${key.value}`)
  if (!answer.startsWith('230')) throw new Error(`login failed: ${answer}`)
  await client.command('TYPE I')
  return client
}

export function createRawClient(first: Socket): RawClient {
  const replies: string[] = []
  const waiting: PromiseWithResolvers<string>[] = []
  const closed = Promise.withResolvers<void>()
  let over = false
  const deliver = (reply: string) => {
    const next = waiting.shift()
    if (next) next.resolve(reply)
    else replies.push(reply)
  }
  const listen = (socket: Socket) => {
    let text = ''
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      text += chunk.toString()
      text = takeReplies(text, deliver)
    })
    socket.on('close', () => {
      over = true
      closed.resolve()
      for (const { reject } of waiting.splice(0)) reject(new Error('the connection was closed'))
    })
  }
  listen(first)
  const client: RawClient = {
    socket: first,
    unread: replies,
    closed: closed.promise,
    send: (text) => {
      client.socket.write(text)
    },
    reply: async () => {
      const ready = replies.shift()
      if (ready !== undefined) return ready
      if (over) throw new Error('the connection is closed')
      const next = Promise.withResolvers<string>()
      waiting.push(next)
      return await next.promise
    },
    command: async (line) => {
      client.send(`${line}\r\n`)
      return await client.reply()
    },
    openData: async () => {
      const port = Number(/\|\|\|(\d+)\|/.exec(await client.command('EPSV'))?.[1])
      const socket = connect({ port, host: '127.0.0.1' })
      socket.on('error', () => {})
      await once(socket, 'connect')
      return socket
    },
    use: (socket) => {
      client.socket = socket
      listen(socket)
    },
    [Symbol.dispose]: () => {
      client.socket.destroy()
      first.destroy()
    },
  }
  return client
}

function takeReplies(text: string, deliver: (reply: string) => void): string {
  let rest = text
  for (;;) {
    const match = /^(?:(\d{3})-[\s\S]*?\r\n\1 |\d{3} )[^\r\n]*\r\n/.exec(rest)
    if (!match) return rest
    deliver(match[0].trimEnd())
    rest = rest.slice(match[0].length)
  }
}

/** All that a data connection sends until it ends. */
export async function readAll(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of socket) chunks.push(chunk)
  return Buffer.concat(chunks)
}

export async function download(client: RawClient, command: string): Promise<Buffer> {
  const data = await client.openData()
  const opening = await client.command(command)
  if (!opening.startsWith('150')) throw new Error(opening)
  const bytes = await readAll(data)
  const end = await client.reply()
  if (!end.startsWith('226')) throw new Error(end)
  return bytes
}

/** The last reply of an upload. */
export async function upload(client: RawClient, command: string, bytes: Uint8Array): Promise<string> {
  const data = await client.openData()
  const opening = await client.command(command)
  if (!opening.startsWith('150')) {
    data.destroy()
    return opening
  }
  data.end(bytes)
  return await client.reply()
}
