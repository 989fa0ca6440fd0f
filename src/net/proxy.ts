import type { IncomingMessage } from 'node:http'
import { BlockList, isIP, isIPv4, type Socket } from 'node:net'

/** The proxies whose word about a client's address is taken. */
export type TrustedProxies = { holds(address: string): boolean }

/** More hops than this are not followed. */
const MAX_HOPS = 32

const NO_PROXIES: TrustedProxies = { holds: () => false }

/** Reads CIDR ranges or single addresses, checked before with `isAddressRange`. */
export function trustedProxies(ranges: readonly string[] = []): TrustedProxies {
  if (ranges.length === 0) return NO_PROXIES
  const list = new BlockList()
  for (const range of ranges) {
    const [address = '', prefix] = range.split('/')
    const family = isIPv4(address) ? 'ipv4' : 'ipv6'
    list.addSubnet(address, prefix === undefined ? (family === 'ipv4' ? 32 : 128) : Number(prefix), family)
  }
  return {
    holds: (address) => isIP(address) !== 0 && list.check(address, isIPv4(address) ? 'ipv4' : 'ipv6'),
  }
}

/** The address without zone, and IPv4 in its own form when it came mapped into IPv6. Empty when unknown. */
export function plainAddress(address: string | undefined): string {
  const text = (address ?? '').split('%')[0] ?? ''
  return text.startsWith('::ffff:') && text.includes('.') ? text.slice('::ffff:'.length) : text
}

/** The address at the other end of a connection. */
export function peerAddress(socket: Pick<Socket, 'remoteAddress'>): string {
  return plainAddress(socket.remoteAddress)
}

/**
 * Who sent the request: the peer, or, when the peer is a trusted proxy, the right-most address of
 * X-Forwarded-For that is not one. What stands left of it anybody may have written.
 */
export function clientAddress(
  request: Pick<IncomingMessage, 'socket' | 'headersDistinct'>,
  trusted: TrustedProxies,
): string {
  const peer = peerAddress(request.socket)
  if (!trusted.holds(peer)) return peer
  const hops = (request.headersDistinct['x-forwarded-for'] ?? []).join(',').split(',').slice(-MAX_HOPS)
  let client = peer
  for (const hop of hops.reverse()) {
    const address = hopAddress(hop)
    // A proxy that does not say whom it forwards for is the last one known.
    if (address === null) return client
    client = address
    if (!trusted.holds(address)) return client
  }
  return client
}

/** The Host that the client sent to a trusted proxy, the nearest one's word; null when no such proxy says so. */
export function forwardedHost(
  request: Pick<IncomingMessage, 'socket' | 'headersDistinct'>,
  trusted: TrustedProxies,
): string | null {
  if (!trusted.holds(peerAddress(request.socket))) return null
  const hosts = (request.headersDistinct['x-forwarded-host'] ?? []).join(',').split(',')
  return hosts.at(-1)?.trim() || null
}

/** Some proxies write the port too: `192.0.2.1:4711`, `[2001:db8::1]:4711`. */
function hopAddress(hop: string): string | null {
  const text = hop.trim()
  const bare = /^\[([^\]]+)\](?::\d+)?$/.exec(text)?.[1] ?? /^([\d.]+):\d+$/.exec(text)?.[1] ?? text
  const address = plainAddress(bare)
  return isIP(address) === 0 ? null : address
}
