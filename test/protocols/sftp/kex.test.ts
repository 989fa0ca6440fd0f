import {
  createHash,
  createPrivateKey,
  createPublicKey,
  decapsulate,
  diffieHellman,
  generateKeyPairSync,
  type KeyObject,
} from 'node:crypto'
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isSigned } from '#credentials/ssh-public-key.ts'
import { answerHybrid } from '#protocols/sftp/mlkem.ts'
import { startWorld, type World } from '#test/world.ts'
import { str } from './bytes.ts'
import { exchangeHash, namesOf, openWire, SSH, stringsOf, useKeys, type Wire } from './ssh-wire.ts'

const HYBRID = 'mlkem768x25519-sha256'
const STRICT = 'kex-strict-c-v00@openssh.com'
const POINT = Buffer.from('302a300506032b656e032100', 'hex')
const vector: Record<'dk' | 'ek' | 'c' | 'K', string> = JSON.parse(
  readFileSync(new URL('./mlkem-768.json', import.meta.url), 'utf8'),
)
const of = (name: keyof typeof vector) => Buffer.from(vector[name], 'base64')

/** An ML-KEM-768 key from its 2400 bytes (RFC 9935, the form without the seed). */
function kemKey(dk: Buffer): KeyObject {
  const head = Buffer.from('30820978020100300b060960864801650304040204820964' + '04820960', 'hex')
  return createPrivateKey({ key: Buffer.concat([head, dk]), type: 'pkcs8', format: 'der' })
}

function encapsulationKey(key: KeyObject): Buffer {
  return createPublicKey(key).export({ type: 'spki', format: 'der' }).subarray(-1184)
}

/** The client's side of the hybrid, on the published key. */
function hybridClient() {
  const kem = kemKey(of('dk'))
  const own = generateKeyPairSync('x25519')
  const point = own.publicKey.export({ type: 'spki', format: 'der' }).subarray(POINT.length)
  return {
    init: Buffer.concat([encapsulationKey(kem), point]),
    secretOf(reply: Buffer): Buffer {
      const publicKey = createPublicKey({
        key: Buffer.concat([POINT, reply.subarray(1088)]),
        type: 'spki',
        format: 'der',
      })
      const agreed = diffieHellman({ privateKey: own.privateKey, publicKey })
      return createHash('sha256')
        .update(decapsulate(kem, reply.subarray(0, 1088)))
        .update(agreed)
        .digest()
    },
  }
}

let world: World
let port: number

beforeAll(async () => {
  world = await startWorld()
  const key = await world.issue()
  port = (await world.start('sftp')).port
  // Who logged in from here before is not turned away for what this file does.
  const { connect } = await import('./client.ts')
  const client = await connect(port, key)
  client.end()
})
afterAll(() => world[Symbol.asyncDispose]())

/** Goes through the hybrid exchange up to the first message under keys. */
async function agree(wire: Wire): Promise<void> {
  const client = hybridClient()
  wire.send(Buffer.concat([Buffer.from([30]), str(client.init)]))
  const answer = await wire.next()
  expect(answer[0]).toBe(31)
  const [hostKey, reply, signature] = stringsOf(answer, 1)
  if (!hostKey || !reply || !signature) throw new Error('an incomplete answer')
  expect(reply).toHaveLength(1088 + 32)
  const secret = str(client.secretOf(reply))
  const hash = exchangeHash(wire, { init: client.init, reply, hostKey, secret })
  const [algorithm, bytes] = stringsOf(signature, 0)
  if (!algorithm || !bytes) throw new Error('an incomplete signature')
  const signed = { blob: hostKey, algorithm: algorithm.toString(), signature: bytes, signed: hash }
  expect(isSigned(signed)).toBe(true)
  expect((await wire.next())[0]).toBe(SSH.newKeys)
  wire.send(Buffer.from([SSH.newKeys]))
  useKeys(wire, secret, hash)
}

describe('the post-quantum key exchange (check 2)', () => {
  test('ML-KEM-768 here opens a published ciphertext to the published key', () => {
    const key = kemKey(of('dk'))
    expect(encapsulationKey(key).equals(of('ek'))).toBe(true)
    expect(decapsulate(key, of('c')).equals(of('K'))).toBe(true)
  })

  test('it is offered first, with strict key exchange, and no version of the server is told', async () => {
    using wire = await openWire(port)
    await wire.negotiate()
    expect(wire.serverIdent).toBe('SSH-2.0-Latchkey')
    const [kex, hostKey] = namesOf(wire.kexInits().theirs)
    expect(kex?.[0]).toBe(HYBRID)
    expect(kex).toContain('kex-strict-s-v00@openssh.com')
    expect(hostKey).toEqual(['ssh-ed25519'])
    expect(namesOf(wire.kexInits().theirs).flat().join()).not.toMatch(/sha1|ssh-rsa|cbc|zlib|group/)
  })

  test.each([
    ['alone', [HYBRID, STRICT, 'ext-info-c']],
    ['before others', [HYBRID, 'curve25519-sha256', STRICT, 'ext-info-c']],
    [
      'behind one that is not offered',
      ['sntrup761x25519-sha512', HYBRID, 'curve25519-sha256', 'ext-info-c', STRICT],
    ],
  ])('a client agrees on keys with it: %s', async (_name, kex) => {
    using wire = await openWire(port)
    await wire.negotiate({ kex })
    await agree(wire)
    const info = await wire.next()
    expect(info[0]).toBe(SSH.extInfo)
    expect(stringsOf(info, 5)[1]?.toString().split(',')).toEqual([
      'ssh-ed25519',
      'ecdsa-sha2-nistp256',
      'ecdsa-sha2-nistp384',
      'ecdsa-sha2-nistp521',
      'rsa-sha2-512',
      'rsa-sha2-256',
    ])
    wire.send(Buffer.concat([Buffer.from([SSH.serviceRequest]), str('ssh-userauth')]))
    const accepted = await wire.next()
    expect([accepted[0], stringsOf(accepted, 1)[0]?.toString()]).toEqual([SSH.serviceAccept, 'ssh-userauth'])
  })

  test('a client that guessed the exchange right or wrong is understood (RFC 4253, 7)', async () => {
    const client = hybridClient()
    const init = Buffer.concat([Buffer.from([30]), str(client.init)])
    for (const [kex, first] of [
      [[HYBRID, STRICT], null],
      [['sntrup761x25519-sha512', HYBRID, STRICT], Buffer.concat([Buffer.from([30]), str('a wrong guess')])],
    ] as const) {
      using wire = await openWire(port)
      await wire.negotiate({ kex, firstFollows: true })
      if (first !== null) wire.send(first)
      wire.send(init)
      expect((await wire.next())[0]).toBe(31)
    }
  })

  test('a key that FIPS 203 refuses, a point of small order and wrong lengths end the connection', async () => {
    const { init } = hybridClient()
    const bad = new Map<string, Buffer>([
      [
        'a coefficient of 3329',
        Buffer.concat([Buffer.from([0x01, ((of('ek')[1] ?? 0) & 0xf0) | 0x0d]), init.subarray(2)]),
      ],
      ['the point 0', Buffer.concat([init.subarray(0, 1184), Buffer.alloc(32)])],
      ['one byte less', init.subarray(1)],
      ['one byte more', Buffer.concat([init, Buffer.alloc(1)])],
      ['nothing', Buffer.alloc(0)],
      ['an X25519 share', init.subarray(1184)],
    ])
    for (const [name, share] of bad) {
      expect(() => answerHybrid(share), name).toThrow()
      using wire = await openWire(port)
      await wire.negotiate({ kex: [HYBRID, STRICT] })
      wire.send(Buffer.concat([Buffer.from([30]), str(share)]))
      const answer = await wire.next().catch(() => null)
      expect(answer?.[0], name).not.toBe(31)
      await wire.ended
    }
  })
})

describe('strict key exchange (check 4): what Terrapin injects ends the connection', () => {
  const ignore = Buffer.concat([Buffer.from([SSH.ignore]), str('x')])
  const isRefused = async (wire: Wire) => {
    for (;;) {
      const message = await wire.next().catch(() => null)
      if (message === null) return true
      if (message[0] === 31) return false
    }
  }

  test('a message before KEXINIT', async () => {
    using wire = await openWire(port)
    wire.send(ignore)
    await wire.negotiate({ kex: [HYBRID, STRICT] }).catch(() => undefined)
    wire.send(Buffer.concat([Buffer.from([30]), str(hybridClient().init)]))
    expect(await isRefused(wire)).toBe(true)
  })

  test.each([2, 3, 4, 5, 50, 80, 94])('message %i between KEXINIT and the keys', async (type) => {
    using wire = await openWire(port)
    await wire.negotiate({ kex: [HYBRID, STRICT] })
    wire.send(Buffer.concat([Buffer.from([type]), str('x'), str('')]))
    wire.send(Buffer.concat([Buffer.from([30]), str(hybridClient().init)]))
    expect(await isRefused(wire)).toBe(true)
  })

  test('sequence numbers begin anew with the keys: a packet that was cut out is noticed', async () => {
    using wire = await openWire(port)
    await wire.negotiate({ kex: [HYBRID, STRICT] })
    await agree(wire)
    // As if a first packet had been sent and was cut out: GCM counts on.
    const { randomBytes } = await import('node:crypto')
    wire.raw(Buffer.concat([Buffer.from([0, 0, 0, 32]), randomBytes(48)]))
    await wire.ended
  })

  test('without strict key exchange IGNORE is passed over, as RFC 4253 has it', async () => {
    using wire = await openWire(port)
    await wire.negotiate({ kex: [HYBRID] })
    wire.send(ignore)
    wire.send(Buffer.concat([Buffer.from([30]), str(hybridClient().init)]))
    expect((await wire.next())[0]).toBe(31)
  })
})
