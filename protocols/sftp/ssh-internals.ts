import { createRequire } from 'node:module'
import type { Connection } from 'ssh2'

/*
 * What the door does beyond ssh2's interface: a key exchange and messages that ssh2 does not know. Its version
 * is pinned, the door does not start on another one, and tests drive all that is touched here.
 */

const KNOWN_VERSION = '1.17.0'
const load = createRequire(import.meta.url)

/** Throws Error when ssh2 is not the version whose inside is known here. */
export function requireKnownSsh2(): void {
  const version = memberOf(load('ssh2/package.json'), 'version')
  if (version !== KNOWN_VERSION) {
    throw new Error(`ssh2 is ${String(version)}: this program knows the inside of ${KNOWN_VERSION} only`)
  }
}

/** Names in a KEXINIT, best first (RFC 4253, 7.1). */
export type KexLists = {
  readonly kex: readonly string[]
  readonly serverHostKey: readonly string[]
  readonly cs: DirectionLists
  readonly sc: DirectionLists
}
export type DirectionLists = {
  readonly cipher: readonly string[]
  readonly mac: readonly string[]
  readonly compress: readonly string[]
  readonly lang: readonly string[]
}

/** What ssh2 sends as its KEXINIT and chooses from. It takes names here that its configuration refuses. */
export function makeOffer(lists: KexLists): object {
  const KexInit = memberOf(load('ssh2/lib/protocol/kex.js'), 'KexInit')
  if (typeof KexInit !== 'function') throw unknownInside('KexInit')
  const offer: unknown = Reflect.construct(KexInit, [lists])
  return objectAt({ offer }, 'offer')
}

/** The connection's state machine. */
export function protocolOf(client: Connection): object {
  return objectAt(client, '_protocol')
}

/** Identifies the connection: the hash of its first key exchange (RFC 4253, 7.2). */
export function sessionIdOf(protocol: object): Buffer {
  const id = memberOf(objectAt(protocol, '_kex'), 'sessionID')
  if (!Buffer.isBuffer(id)) throw unknownInside('sessionID')
  return id
}

/** What the server's host key signs with in this connection. */
export function hostKeyAlgorithmOf(protocol: object): unknown {
  return memberOf(objectAt(objectAt(protocol, '_kex'), 'negotiated'), 'serverHostKey')
}

/** Sends a message; while keys are exchanged it waits with the others. */
export function sendMessage(protocol: object, payload: Buffer): void {
  const writer = objectAt(objectAt(protocol, '_packetRW'), 'write')
  const at = memberOf(writer, 'allocStart')
  const packet = functionAt(writer, 'alloc')(payload.length)
  if (typeof at !== 'number' || !Buffer.isBuffer(packet)) throw unknownInside('alloc')
  packet.set(payload, at)
  const send = functionAt(load('ssh2/lib/protocol/utils.js'), 'sendPacket')
  send(protocol, functionAt(writer, 'finalize')(packet))
}

/** Packets that wait for the end of a key exchange. */
export function queuedPackets(client: Connection): number {
  const queue = memberOf(protocolOf(client), '_queue')
  return Array.isArray(queue) ? queue.length : 0
}

export function memberOf(owner: unknown, name: string): unknown {
  const holds = (typeof owner === 'object' && owner !== null) || typeof owner === 'function'
  return holds ? Reflect.get(owner, name) : undefined
}

export function objectAt(owner: unknown, name: string): object {
  const value = memberOf(owner, name)
  if (typeof value !== 'object' || value === null) throw unknownInside(name)
  return value
}

/** The method `name`, bound to its owner. */
export function functionAt(owner: unknown, name: string): (...args: unknown[]) => unknown {
  const value = memberOf(owner, name)
  if (typeof value !== 'function') throw unknownInside(name)
  return (...args) => Reflect.apply(value, owner, args)
}

function unknownInside(name: string): Error {
  return new Error(`ssh2 has another inside than is known here: ${name}`)
}
