import { createPublicKey, verify } from 'node:crypto'
import ssh2 from 'ssh2'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startSftpDoor } from '#protocols/sftp/door.ts'
import {
  fingerprint,
  type HostKeySet,
  makeHostKey,
  newHostKey,
  readHostKey,
} from '#protocols/sftp/host-key.ts'
import { chachaWorks, cryptoInUse } from '#protocols/sftp/native.ts'
import { startWorld, type World, type WorldKey } from '#test/world.ts'
import { openRaw, request } from './client.ts'
import { stringsOf } from './ssh-wire.ts'

describe('host keys', () => {
  // One in 256 has a leading zero, which ssh2's own generator drops: 1,000 would show it.
  test('each of 1,000 new keys is read back by ssh2 and signs', () => {
    const data = Buffer.from('data')
    for (let i = 0; i < 1000; i++) {
      const key = ssh2.utils.parseKey(newHostKey())
      if (key instanceof Error) throw key
      expect(key.type).toBe('ssh-ed25519')
      expect(key.verify(data, key.sign(data))).toBe(true)
    }
  })

  test('a fingerprint is of the public half; what is no key is told', () => {
    const key = newHostKey()
    expect(fingerprint(key)).toMatch(/^SHA256:[A-Za-z0-9+/]{43}$/)
    expect(fingerprint(key)).toBe(fingerprint(key))
    expect(fingerprint(newHostKey())).not.toBe(fingerprint(key))
    expect(() => fingerprint('no key')).toThrow('host key cannot be read')
  })
})

describe('host keys of every kind', () => {
  const data = Buffer.from('data')

  // Numbers that begin with zero bytes, or with a high bit, would show within as many.
  test('each of 150 ECDSA keys is read, and its signature is right', async () => {
    for (let i = 0; i < 150; i++) {
      const pem = await makeHostKey('ecdsa')
      const key = readHostKey(pem)
      const [type, numbers] = stringsOf(key.sign(data), 0)
      const [r, s] = stringsOf(numbers ?? Buffer.alloc(0), 0).map(thirtyTwo)
      expect(type?.toString()).toBe('ecdsa-sha2-nistp256')
      const signature = Buffer.concat([r ?? data, s ?? data])
      const publicKey = { key: createPublicKey(pem), dsaEncoding: 'ieee-p1363' } as const
      expect(verify('sha256', data, publicKey, signature)).toBe(true)
    }
  })

  test('RSA keys have 3072 bits and sign with SHA-512', async () => {
    const pem = await makeHostKey('rsa')
    const [type, signature] = stringsOf(readHostKey(pem).sign(data), 0)
    expect(type?.toString()).toBe('rsa-sha2-512')
    expect(verify('sha512', data, createPublicKey(pem), signature ?? data)).toBe(true)
    expect(createPublicKey(pem).asymmetricKeyDetails?.modulusLength).toBe(3072)
  })

  function thirtyTwo(number: Buffer): Buffer {
    const digits = number.subarray(Math.max(0, number.length - 32))
    return Buffer.concat([Buffer.alloc(32 - digits.length), digits])
  }
})

describe('the door tells of its host keys (hostkeys-00, hostkeys-prove-00)', () => {
  const silent = { debug() {}, info() {}, warn() {}, error() {} }
  let world: World
  let key: WorldKey
  beforeAll(async () => {
    world = await startWorld()
    key = await world.issue()
  })
  afterAll(() => world[Symbol.asyncDispose]())

  /** The keys that a client was told of and that were proved to it, and the one in use. */
  async function told(port: number): Promise<{ proved: string[]; used: string }> {
    const client = new ssh2.Client()
    let used = ''
    const proved = await new Promise<string[]>((resolve, reject) => {
      client.on('error', reject)
      client.on('hostkeys', (keys) => resolve(keys.map((one) => one.getPublicSSH().toString('base64'))))
      const hostVerifier = (blob: Buffer) => {
        used = blob.toString('base64')
        return true
      }
      client.connect({
        host: '127.0.0.1',
        port,
        username: key.login,
        password: key.value,
        hostVerifier,
        strictVendor: false,
      })
    })
    client.end()
    return { proved, used }
  }

  test('all of them, the next too; a change holds for the next connection, and running ones go on', async () => {
    const first = { current: [newHostKey(), await makeHostKey('ecdsa')], next: [newHostKey()] }
    const second = { current: [first.next[0] ?? '', first.current[1] ?? ''], next: [] }
    let now: HostKeySet = first
    const listener = { address: '127.0.0.1', port: 0, siteId: null }
    const door = await startSftpDoor(world.gate, { listener, log: silent, hostKeys: () => now })
    const blobs = (keys: readonly string[]) => keys.map((pem) => readHostKey(pem).blob.toString('base64'))
    try {
      using running = await openRaw(door.port, key)
      const before = await told(door.port)
      expect(before.proved.sort()).toEqual(blobs([...first.current, ...first.next]).sort())
      expect(before.used).toBe(blobs(first.current)[0])
      now = second
      const after = await told(door.port)
      expect(after.proved.sort()).toEqual(blobs(second.current).sort())
      expect(after.used).toBe(blobs(first.next)[0])
      expect((await running.ask(request.stat('/'))).type).toBe(105)
    } finally {
      await door.stop(AbortSignal.abort())
    }
  })
})

describe('crypto of ssh2', () => {
  test('it says what it runs on', () => {
    expect(['native', 'javascript']).toContain(cryptoInUse())
  })

  // The addon must be built with `--real_openssl_major=3`, or OpenSSH's first choice of cipher is missing.
  test('chacha20 works for more than one packet', () => {
    expect(chachaWorks()).toBe(true)
  })
})
