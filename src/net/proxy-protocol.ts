import { isIP, isIPv4, isIPv6, type Socket } from 'node:net'
import { peerAddress, plainAddress, type TrustedProxies } from './proxy.ts'

/** What a PROXY header says: for whom the connection is; `local`: for the proxy itself (health checks). */
export type ProxyHeader =
  | { readonly kind: 'client'; readonly address: string; readonly length: number }
  | { readonly kind: 'local'; readonly length: number }
  | { readonly kind: 'incomplete' }
  | { readonly kind: 'invalid' }

const SIGNATURE_2 = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1')
const PREFIX_1 = Buffer.from('PROXY ')
/** The longest line of version 1, its end included. */
const MAX_LENGTH_1 = 107
/** Addresses and additions (TLVs) of version 2; the format allows 65,535, proxies send less than 1,000. */
const MAX_LENGTH_2 = 4_096
const HEADER_2 = 16
const INCOMPLETE: ProxyHeader = { kind: 'incomplete' }
const INVALID: ProxyHeader = { kind: 'invalid' }
const HEADER_TIME_MS = 5_000

/** Reads a PROXY protocol header, version 1 or 2, from the first bytes of a connection. */
export function readProxyHeader(bytes: Buffer): ProxyHeader {
  if (startsLike(bytes, SIGNATURE_2)) return bytes.length < HEADER_2 ? INCOMPLETE : readVersion2(bytes)
  if (startsLike(bytes, PREFIX_1)) return readVersion1(bytes)
  return INVALID
}

function startsLike(bytes: Buffer, prefix: Buffer): boolean {
  const length = Math.min(bytes.length, prefix.length)
  return bytes.subarray(0, length).equals(prefix.subarray(0, length))
}

function readVersion1(bytes: Buffer): ProxyHeader {
  const end = bytes.subarray(0, MAX_LENGTH_1).indexOf('\r\n')
  if (end < 0) return bytes.length < MAX_LENGTH_1 ? INCOMPLETE : INVALID
  const length = end + 2
  const [, family, source = '', target = '', ...ports] = bytes.toString('latin1', 0, end).split(' ')
  if (family === 'UNKNOWN') return { kind: 'local', length }
  const isAddress = family === 'TCP4' ? isIPv4 : family === 'TCP6' ? isIPv6 : null
  const arePorts = ports.length === 2 && ports.every((port) => /^\d{1,5}$/.test(port))
  if (isAddress === null || !isAddress(source) || !isAddress(target) || !arePorts) return INVALID
  return { kind: 'client', address: plainAddress(source), length }
}

function readVersion2(bytes: Buffer): ProxyHeader {
  const size = bytes.readUInt16BE(14)
  const length = HEADER_2 + size
  if (size > MAX_LENGTH_2) return INVALID
  if (bytes.length < length) return INCOMPLETE
  const command = bytes[12]
  if (command === 0x20) return { kind: 'local', length }
  if (command !== 0x21) return INVALID
  switch (bytes[13]) {
    case 0x00:
      return { kind: 'local', length }
    case 0x11:
      return size < 12 ? INVALID : { kind: 'client', address: bytes.subarray(16, 20).join('.'), length }
    case 0x21:
      return size < 36 ? INVALID : { kind: 'client', address: ipv6Text(bytes.subarray(16, 32)), length }
    default:
      return INVALID
  }
}

function ipv6Text(bytes: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, at) => bytes.readUInt16BE(at * 2))
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) {
    return bytes.subarray(12).join('.')
  }
  return new URL(`http://[${groups.map((group) => group.toString(16)).join(':')}]`).hostname.slice(1, -1)
}

/**
 * Takes the PROXY header off a new connection, before anything of the protocol is read. The client's address;
 * null when the peer is no trusted proxy, or sends no right header in time, or `stop` fires: then the socket
 * is destroyed.
 */
export async function receiveProxyHeader(
  socket: Socket,
  trusted: TrustedProxies,
  stop: AbortSignal,
): Promise<string | null> {
  const peer = peerAddress(socket)
  const header = trusted.holds(peer) && !stop.aborted ? await awaitHeader(socket, stop) : null
  if (header !== null && isIP(header.address ?? peer) !== 0) return header.address ?? peer
  socket.destroy()
  return null
}

/** `address` null: the connection is the proxy's own. */
function awaitHeader(socket: Socket, stop: AbortSignal): Promise<{ address: string | null } | null> {
  return new Promise((resolve) => {
    let held = Buffer.alloc(0)
    const done = (result: { address: string | null } | null) => {
      clearTimeout(timer)
      stop.removeEventListener('abort', lost)
      socket.off('readable', look)
      socket.off('close', lost)
      socket.off('end', lost)
      socket.off('error', lost)
      resolve(result)
    }
    const lost = () => done(null)
    const look = () => {
      const chunk: Buffer | null = socket.read()
      if (chunk === null) return
      held = Buffer.concat([held, chunk])
      const header = readProxyHeader(held)
      if (header.kind === 'incomplete') return
      if (header.kind === 'invalid') return done(null)
      const rest = held.subarray(header.length)
      if (rest.length > 0) socket.unshift(rest)
      done({ address: header.kind === 'client' ? header.address : null })
    }
    const timer = setTimeout(lost, HEADER_TIME_MS)
    stop.addEventListener('abort', lost, { once: true })
    socket.on('readable', look).on('close', lost).on('end', lost).on('error', lost)
  })
}
