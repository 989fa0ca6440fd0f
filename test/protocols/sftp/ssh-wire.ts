import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto'
import { connect as connectTcp, type Socket } from 'node:net'
import { str, u32 } from './bytes.ts'

/* An SSH client by hand, apart from the library under test: its transport, up to the first messages under keys. */

export const SSH = { ignore: 2, serviceRequest: 5, serviceAccept: 6, extInfo: 7, kexInit: 20, newKeys: 21 }
const IDENT = 'SSH-2.0-wire'

/** Names that a client sends; lists that are absent are those of a modern client. */
export type Names = {
  readonly kex?: readonly string[]
  readonly hostKey?: readonly string[]
  readonly cipher?: readonly string[]
  readonly firstFollows?: boolean
}

export type Wire = Disposable & {
  readonly socket: Socket
  readonly serverIdent: string
  /** Our last KEXINIT, and the server's. */
  kexInits(): { readonly own: Buffer; readonly theirs: Buffer }
  /** Sends a payload as a packet, under keys when there are some. */
  send(payload: Buffer): void
  /** Sends bytes as they are. */
  raw(bytes: Buffer): void
  /** The next payload; rejects when the connection ended. */
  next(): Promise<Buffer>
  /** Sends KEXINIT and takes the server's. */
  negotiate(names?: Names): Promise<void>
  /** Uses keys for AES-128-GCM from now on, for one direction each. */
  encrypt(keys: { readonly iv: Buffer; readonly key: Buffer }): void
  decrypt(keys: { readonly iv: Buffer; readonly key: Buffer }): void
  readonly ended: Promise<void>
}

export async function openWire(port: number, ident = `${IDENT}\r\n`): Promise<Wire> {
  const socket = connectTcp(port, '127.0.0.1')
  socket.on('error', () => undefined)
  let buffered = Buffer.alloc(0)
  let isOver = false
  let wake: () => void = () => undefined
  socket.on('data', (chunk) => {
    buffered = Buffer.concat([buffered, chunk])
    wake()
  })
  const ended = new Promise<void>((resolve) => {
    socket.on('close', () => {
      isOver = true
      resolve()
      wake()
    })
  })
  const take = async (length: number): Promise<Buffer> => {
    while (buffered.length < length) {
      if (isOver) throw new Error('the connection ended')
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
    const taken = buffered.subarray(0, length)
    buffered = buffered.subarray(length)
    return taken
  }
  const line = async (): Promise<string> => {
    let text = ''
    while (!text.endsWith('\n')) text += (await take(1)).toString('latin1')
    return text.trimEnd()
  }

  let seal: ((packet: Buffer) => Buffer) | null = null
  let open: ((length: Buffer) => Promise<Buffer>) | null = null
  const send = (payload: Buffer) => socket.write((seal ?? plain)(payload))
  const next = async (): Promise<Buffer> => {
    const length = await take(4)
    const body = open === null ? await take(length.readUInt32BE()) : await open(length)
    return Buffer.from(body.subarray(1, body.length - body.readUInt8(0)))
  }
  socket.write(ident)
  const serverIdent = await line()
  let own: Buffer = Buffer.alloc(0)
  let theirs: Buffer = Buffer.alloc(0)

  return {
    socket,
    serverIdent,
    kexInits: () => ({ own, theirs }),
    send,
    raw: (bytes) => void socket.write(bytes),
    next,
    async negotiate(names = {}) {
      own = kexInitOf(names)
      send(own)
      theirs = Buffer.from(await next())
    },
    encrypt({ iv, key }) {
      let count = iv.readBigUInt64BE(4)
      seal = (payload) => {
        const packet = framed(payload, 16)
        const cipher = createCipheriv('aes-128-gcm', key, ivOf(iv, count++))
        cipher.setAAD(packet.subarray(0, 4))
        const sealed = Buffer.concat([cipher.update(packet.subarray(4)), cipher.final()])
        return Buffer.concat([packet.subarray(0, 4), sealed, cipher.getAuthTag()])
      }
    },
    decrypt({ iv, key }) {
      let count = iv.readBigUInt64BE(4)
      open = async (length) => {
        const sealed = await take(length.readUInt32BE())
        const decipher = createDecipheriv('aes-128-gcm', key, ivOf(iv, count++))
        decipher.setAAD(length)
        decipher.setAuthTag(await take(16))
        return Buffer.concat([decipher.update(sealed), decipher.final()])
      }
    },
    ended,
    [Symbol.dispose]: () => void socket.destroy(),
  }
}

function plain(payload: Buffer): Buffer {
  return framed(payload, 8, 4)
}

/** Length, padding length, payload, padding; `counted`: bytes of the length that the padding counts too. */
function framed(payload: Buffer, block: number, counted = 0): Buffer {
  const rest = (counted + 1 + payload.length) % block
  const padding = rest > block - 4 ? 2 * block - rest : block - rest
  const head = Buffer.concat([u32(1 + payload.length + padding), Buffer.from([padding])])
  return Buffer.concat([head, payload, Buffer.alloc(padding)])
}

function ivOf(iv: Buffer, count: bigint): Buffer {
  const next = Buffer.from(iv)
  next.writeBigUInt64BE(count, 4)
  return next
}

function kexInitOf({ kex, hostKey, cipher, firstFollows }: Names): Buffer {
  const lists = [
    kex ?? ['curve25519-sha256', 'ext-info-c', 'kex-strict-c-v00@openssh.com'],
    hostKey ?? ['ssh-ed25519'],
    cipher ?? ['aes128-gcm@openssh.com'],
    cipher ?? ['aes128-gcm@openssh.com'],
    ['hmac-sha2-256'],
    ['hmac-sha2-256'],
    ['none'],
    ['none'],
    [],
    [],
  ]
  const head = Buffer.concat([Buffer.from([SSH.kexInit]), randomBytes(16)])
  const tail = Buffer.concat([Buffer.from([firstFollows === true ? 1 : 0]), u32(0)])
  return Buffer.concat([head, ...lists.map((names) => str(names.join(','))), tail])
}

/** The names in the lists of a KEXINIT. */
export function namesOf(kexInit: Buffer): string[][] {
  const lists: string[][] = []
  let at = 17
  for (let i = 0; i < 10; i++) {
    const length = kexInit.readUInt32BE(at)
    const text = kexInit.toString('latin1', at + 4, at + 4 + length)
    lists.push(text === '' ? [] : text.split(','))
    at += 4 + length
  }
  return lists
}

/** The strings that a payload holds from `at` on. */
export function stringsOf(payload: Buffer, at: number): Buffer[] {
  const found: Buffer[] = []
  for (let p = at; p + 4 <= payload.length; ) {
    const length = payload.readUInt32BE(p)
    found.push(payload.subarray(p + 4, p + 4 + length))
    p += 4 + length
  }
  return found
}

/** H of an exchange with SHA-256 (RFC 5656, 4); `secret` as it is encoded. */
export function exchangeHash(
  wire: Wire,
  { init, reply, hostKey, secret }: { init: Buffer; reply: Buffer; hostKey: Buffer; secret: Buffer },
): Buffer {
  const { own, theirs } = wire.kexInits()
  const parts = [
    str(IDENT),
    str(wire.serverIdent),
    str(own),
    str(theirs),
    str(hostKey),
    str(init),
    str(reply),
  ]
  return createHash('sha256')
    .update(Buffer.concat([...parts, secret]))
    .digest()
}

/** Starts encryption both ways with the keys of a first exchange (RFC 4253, 7.2). */
export function useKeys(wire: Wire, secret: Buffer, hash: Buffer): void {
  const derive = (letter: string, length: number) =>
    createHash('sha256').update(secret).update(hash).update(letter).update(hash).digest().subarray(0, length)
  wire.encrypt({ iv: derive('A', 12), key: derive('C', 16) })
  wire.decrypt({ iv: derive('B', 12), key: derive('D', 16) })
}
