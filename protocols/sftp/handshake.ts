import type { Connection } from 'ssh2'
import { type KexInit, readKexInit, withKexNames } from './kexinit.ts'
import { answerHybrid, HYBRID_KEX } from './mlkem.ts'
import { field, mpint, u32 } from './ssh-fields.ts'
import { functionAt, memberOf, objectAt, protocolOf, sendMessage } from './ssh-internals.ts'
import { answerPoint } from './x25519.ts'

const KEXINIT = 20
const EXT_INFO = 7
/** What ssh2 is told instead of the hybrid: it has the same messages and the same hash. */
const STAND_IN = 'curve25519-sha256'
const X25519: ReadonlySet<unknown> = new Set([STAND_IN, 'curve25519-sha256@libssh.org'])
/** No `ssh-rsa`: those signatures are made with SHA-1. */
const SIGNATURES = [
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'rsa-sha2-512',
  'rsa-sha2-256',
]

/**
 * Teaches one connection what ssh2 lacks: the post-quantum hybrid key exchange, in the first exchange and in
 * later ones, and a list of signature algorithms that is right (RFC 8308, 3.1). To be called when the client
 * has identified itself and before its KEXINIT is read. `offered`: the names of our own KEXINIT.
 */
export function extendHandshake(client: Connection, offered: readonly string[]): void {
  const protocol = protocolOf(client)
  watchKexInit(protocol, objectAt(protocol, '_decipher'), offered)
  watchKexInit(protocol, protocol, offered)
}

/** Looks at each KEXINIT before ssh2 does. `holder` is where ssh2 keeps the function that gets payloads. */
function watchKexInit(protocol: object, holder: object, offered: readonly string[]): void {
  const pass = functionAt(holder, '_onPayload')
  Reflect.set(holder, '_onPayload', (payload: unknown) => {
    if (!(payload instanceof Uint8Array) || payload[0] !== KEXINIT) return pass(payload)
    // A copy: it is hashed after its bytes may have been used again.
    const init = Buffer.from(payload)
    const read = readKexInit(init)
    return read === null ? pass(init) : begin(protocol, { init, read, offered, pass })
  })
}

type Beginning = {
  readonly init: Buffer
  readonly read: KexInit
  readonly offered: readonly string[]
  /** ssh2's own handling. */
  readonly pass: (payload: unknown) => unknown
}

function begin(protocol: object, { init, read, offered, pass }: Beginning): unknown {
  const before = memberOf(protocol, '_kex')
  const chosen = read.kex.find((name) => offered.includes(name))
  const isHybrid = chosen === HYBRID_KEX
  const result = pass(isHybrid ? withKexNames(init, read.kex.map(standIn)) : init)
  const exchange = memberOf(protocol, '_kex')
  // ssh2 refused it.
  if (exchange === before || typeof exchange !== 'object' || exchange === null) return result
  const negotiated = objectAt(exchange, 'negotiated')
  if (isHybrid) makeHybrid(exchange, negotiated, init)
  else if (X25519.has(memberOf(negotiated, 'kex'))) answerWith(exchange, answerX25519)
  if (read.guesses) {
    // ssh2 takes every guess for a wrong one, and waits for ever for another message.
    const isRight = read.kex[0] === chosen && read.hostKey[0] === memberOf(negotiated, 'serverHostKey')
    Reflect.set(protocol, '_skipNextInboundPacket', !isRight)
  }
  if (before === undefined) announceSignatures(protocol, exchange)
  return result
}

function standIn(name: string): string {
  return name === HYBRID_KEX ? STAND_IN : name
}

/** Turns an X25519 exchange that has not begun into a hybrid one, over the KEXINIT that the client really sent. */
function makeHybrid(exchange: object, negotiated: object, init: Buffer): void {
  if (memberOf(negotiated, 'kex') !== STAND_IN) throw new Error('ssh2 chose another key exchange')
  Reflect.set(negotiated, 'kex', HYBRID_KEX)
  Reflect.set(exchange, '_remoteKexinit', init)
  answerWith(exchange, answerHybrid)
}

type Answer = { readonly reply: Buffer; readonly secret: Buffer }

/** Has the exchange answer a client's share by `answer`: what it sends back, and the secret as it is hashed. */
function answerWith(exchange: object, answer: (share: Buffer) => Answer): void {
  let reply: Buffer | null = null
  Reflect.set(exchange, 'generateKeys', () => undefined)
  Reflect.set(exchange, 'convertPublicKey', (key: Buffer) => key)
  Reflect.set(exchange, 'getPublicKey', () => reply)
  Reflect.set(exchange, 'computeSecret', (share: Buffer): Buffer | Error => {
    try {
      const answered = answer(share)
      reply = answered.reply
      return answered.secret
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error))
    }
  })
}

/** As ssh2 does it, without a detour over ASN.1 for each key. The secret is hashed as a number (RFC 8731, 3.1). */
function answerX25519(share: Buffer): Answer {
  const { point, secret } = answerPoint(share)
  return { reply: point, secret: mpint(secret).subarray(4) }
}

/** Says which signatures log in. ssh2's own list runs two names into one and names SHA-1. */
function announceSignatures(protocol: object, exchange: object): void {
  if (memberOf(exchange, 'remoteExtInfoEnabled') !== true) return
  Reflect.set(exchange, 'remoteExtInfoEnabled', false)
  const done = functionAt(protocol, '_onHandshakeComplete')
  let isFirst = true
  Reflect.set(protocol, '_onHandshakeComplete', (...args: unknown[]) => {
    // The first message under the new keys (RFC 8308, 2.4); ssh2 sends none by itself here.
    if (isFirst) sendMessage(protocol, EXT_INFO_MESSAGE)
    isFirst = false
    return done(...args)
  })
}

const EXT_INFO_MESSAGE = Buffer.concat([
  Buffer.from([EXT_INFO]),
  u32(1),
  field('server-sig-algs'),
  field(SIGNATURES.join(',')),
])
