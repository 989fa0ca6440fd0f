import ssh2, { type ClientChannel, type ConnectConfig } from 'ssh2'
import { createFramer } from '#protocols/sftp/framing.ts'
import { INIT, packet, str, u32, u64 } from './bytes.ts'

export type Login = { readonly login: string; readonly value: string }

/** An SSH connection that is logged in. */
export function connect(port: number, key: Login, more: ConnectConfig = {}): Promise<ssh2.Client> {
  const client = new ssh2.Client()
  return new Promise((resolve, reject) => {
    client.once('ready', () => {
      client.off('error', reject)
      // A server that cuts the connection is no surprise here.
      client.on('error', () => undefined)
      resolve(client)
    })
    client.once('error', reject)
    client.connect({ host: '127.0.0.1', port, username: key.login, password: key.value, ...more })
  })
}

/** An answer with its body behind the id. */
export type Answer = { readonly type: number; readonly id: number; readonly body: Buffer }

/** An SFTP channel on which a test writes packets by hand. */
export type Raw = Disposable & {
  readonly client: ssh2.Client
  readonly channel: ClientChannel
  /** Sends bytes as they are. */
  send(...bytes: Buffer[]): void
  /** The next answer; rejects when the channel ends before it. */
  next(): Promise<Answer>
  /** Sends one packet and takes the next answer. */
  ask(bytes: Buffer): Promise<Answer>
  /** Resolves when the server ended the channel or the connection. */
  readonly ended: Promise<void>
}

export async function openRaw(
  port: number,
  key: Login,
  greet = true,
  more: ConnectConfig = {},
): Promise<Raw> {
  const client = await connect(port, key, more)
  const channel = await new Promise<ClientChannel>((resolve, reject) => {
    client.subsys('sftp', (error, opened) => (error ? reject(error) : resolve(opened)))
  })
  const raw = rawOn(client, channel)
  if (greet) await raw.ask(INIT)
  return raw
}

function rawOn(client: ssh2.Client, channel: ClientChannel): Raw {
  const answers: Answer[] = []
  const waiting: { resolve: (answer: Answer) => void; reject: (error: Error) => void }[] = []
  const frame = createFramer((pieces) => {
    const bytes = Buffer.concat(pieces)
    const answer = { type: bytes.readUInt8(0), id: bytes.readUInt32BE(1), body: bytes.subarray(5) }
    const first = waiting.shift()
    if (first) first.resolve(answer)
    else answers.push(answer)
  })
  channel.on('data', frame)
  channel.on('error', () => undefined)
  const ended = new Promise<void>((resolve) => {
    channel.on('close', resolve)
    client.on('close', resolve)
  })
  let isOver = false
  void ended.then(() => {
    isOver = true
    for (const { reject } of waiting.splice(0)) reject(new Error('the channel ended'))
  })
  const next = () => {
    const answer = answers.shift()
    if (answer) return Promise.resolve(answer)
    if (isOver) return Promise.reject(new Error('the channel ended'))
    return new Promise<Answer>((resolve, reject) => waiting.push({ resolve, reject }))
  }
  const send = (...bytes: Buffer[]) => {
    channel.write(Buffer.concat(bytes))
  }
  return {
    client,
    channel,
    send,
    next,
    ask(bytes) {
      send(bytes)
      return next()
    },
    ended,
    [Symbol.dispose]: () => client.destroy(),
  }
}

/** The code of a STATUS answer; fails the test for any other. */
export function statusOf({ type, body }: Answer): number {
  if (type !== 101) throw new Error(`answer of type ${type} instead of a status`)
  return body.readUInt32BE(0)
}

/** The handle of a HANDLE answer, as a field. */
export function handleOf(answer: Answer): Buffer {
  if (answer.type !== 102)
    throw new Error(`answer of type ${answer.type}, status ${answer.body.readUInt32BE(0)}`)
  return answer.body
}

/** Size and modification time (seconds) of an ATTRS answer. */
export function attributesOf(answer: Answer): { size: number; modified: number } {
  if (answer.type !== 105)
    throw new Error(`answer of type ${answer.type}, status ${answer.body.readUInt32BE(0)}`)
  return { size: Number(answer.body.readBigUInt64BE(4)), modified: answer.body.readUInt32BE(20) }
}

export const FLAGS = { read: 1, write: 2, append: 4, create: 8, truncate: 16, exclusive: 32 } as const
export const NEW = FLAGS.write | FLAGS.create | FLAGS.truncate

/** Requests; ids are the caller's. */
export const request = {
  open: (path: string, flags: number, id = 1) => packet(3, u32(id), str(path), u32(flags), u32(0)),
  close: (handle: Buffer, id = 2) => packet(4, u32(id), handle),
  read: (handle: Buffer, offset: bigint, length: number, id = 3) =>
    packet(5, u32(id), handle, u64(offset), u32(length)),
  write: (handle: Buffer, offset: bigint, data: string | Buffer, id = 4) =>
    packet(6, u32(id), handle, u64(offset), str(data)),
  stat: (path: string, id = 5) => packet(17, u32(id), str(path)),
  fsetstat: (handle: Buffer, size: bigint, seconds: number, id = 6) =>
    packet(10, u32(id), handle, u32(9), u64(size), u32(seconds), u32(seconds)),
  remove: (path: string, id = 7) => packet(13, u32(id), str(path)),
  rename: (from: string, to: string, id = 8) => packet(18, u32(id), str(from), str(to)),
  mkdir: (path: string, mode: number, id = 9) => packet(14, u32(id), str(path), u32(4), u32(mode)),
  setmode: (path: string, mode: number, id = 10) => packet(9, u32(id), str(path), u32(4), u32(mode)),
  extended: (name: string, ...fields: Buffer[]) => packet(200, u32(11), str(name), ...fields),
}
