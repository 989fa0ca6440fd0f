import type { ClientInfo, Connection } from 'ssh2'
import type { HostKey } from './host-key.ts'
import { field, fieldsOf } from './ssh-fields.ts'
import {
  functionAt,
  hostKeyAlgorithmOf,
  objectAt,
  protocolOf,
  sendMessage,
  sessionIdOf,
} from './ssh-internals.ts'

/* Tells clients of all host keys, so that they know the next one before it is used (OpenSSH's PROTOCOL, 2.5). */

const GLOBAL_REQUEST = 80
const ANNOUNCE = 'hostkeys-00@openssh.com'
const PROVE = 'hostkeys-prove-00@openssh.com'
/** Proofs in one connection: clients ask once, and each costs a signature for each key. */
const MAX_PROOFS = 2
/** Clients that end the connection when they are told (OpenSSH's compat.c). */
const BROKEN = /^(OpenSSH_6\.[56]|TTSSH\/(1\.5|2\.([0-6]|7[01]))|WinSCP_release_(4|5\.([0-6]|7\.[0-4])))/

/** Announces `keys` when the client is in, and proves those that it asks for. */
export function announceHostKeys(client: Connection, info: ClientInfo, keys: readonly HostKey[]): void {
  const protocol = protocolOf(client)
  answerProofs(protocol, keys, () => isIn)
  let isIn = false
  client.once('ready', () => {
    isIn = true
    if (!BROKEN.test(info.header.versions.software)) sendMessage(protocol, announcement(keys))
  })
}

function announcement(keys: readonly HostKey[]): Buffer {
  const wantsReply = Buffer.from([0])
  const head = [Buffer.from([GLOBAL_REQUEST]), field(ANNOUNCE), wantsReply]
  return Buffer.concat([...head, ...keys.map(({ blob }) => field(blob))])
}

function answerProofs(protocol: object, keys: readonly HostKey[], isIn: () => boolean): void {
  const handlers = objectAt(protocol, '_handlers')
  const pass = functionAt(handlers, 'GLOBAL_REQUEST')
  let proofs = 0
  const answer = (...args: unknown[]) => {
    const [, name, wantsReply, data] = args
    if (name !== PROVE || wantsReply !== true || !isIn()) return pass(...args)
    proofs += 1
    const asked = data instanceof Uint8Array ? fieldsOf(Buffer.from(data)) : null
    const signatures = asked === null || proofs > MAX_PROOFS ? null : prove(protocol, keys, asked)
    if (signatures === null) return functionAt(protocol, 'requestFailure')()
    return functionAt(protocol, 'requestSuccess')(signatures)
  }
  Reflect.set(handlers, 'GLOBAL_REQUEST', answer)
}

/** A signature for each key that was asked for, in that order; null when one of them is none of ours. */
function prove(protocol: object, keys: readonly HostKey[], asked: readonly Buffer[]): Buffer | null {
  if (asked.length === 0 || asked.length > keys.length) return null
  const session = sessionIdOf(protocol)
  // Clients expect the algorithm of the key exchange when that was one of RSA.
  const rsaHash = hostKeyAlgorithmOf(protocol) === 'rsa-sha2-256' ? 'sha256' : 'sha512'
  const signatures: Buffer[] = []
  for (const blob of asked) {
    const key = keys.find((one) => one.blob.equals(blob))
    if (key === undefined) return null
    signatures.push(field(key.sign(Buffer.concat([field(PROVE), field(session), field(blob)]), rsaHash)))
  }
  return Buffer.concat(signatures)
}
