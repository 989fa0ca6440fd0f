import { createPublicKey, diffieHellman, generateKeyPairSync } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startSftpDoor } from '#protocols/sftp/door.ts'
import { newHostKey } from '#protocols/sftp/host-key.ts'
import { startWorld, type World, type WorldKey } from '#test/world.ts'
import { str, u32 } from './bytes.ts'
import { connect } from './client.ts'
import { exchangeHash, openWire, SSH, stringsOf, useKeys, type Wire } from './ssh-wire.ts'

const POINT = Buffer.from('302a300506032b656e032100', 'hex')
const silent = { debug() {}, info() {}, warn() {}, error() {} }

let world: World
let key: WorldKey
beforeAll(async () => {
  world = await startWorld()
  key = await world.issue()
})
afterAll(() => world[Symbol.asyncDispose]())

/** Logs in by hand, so that the test may break the protocol afterwards. */
async function logIn(port: number): Promise<Wire> {
  const wire = await openWire(port)
  await wire.negotiate({ kex: ['curve25519-sha256', 'kex-strict-c-v00@openssh.com'] })
  const own = generateKeyPairSync('x25519')
  const init = own.publicKey.export({ type: 'spki', format: 'der' }).subarray(POINT.length)
  wire.send(Buffer.concat([Buffer.from([30]), str(init)]))
  const [hostKey, reply] = stringsOf(await wire.next(), 1)
  if (!hostKey || !reply) throw new Error('an incomplete answer')
  const theirs = createPublicKey({ key: Buffer.concat([POINT, reply]), type: 'spki', format: 'der' })
  const agreed = diffieHellman({ privateKey: own.privateKey, publicKey: theirs })
  const from = agreed.findIndex((byte) => byte !== 0)
  const digits = agreed.subarray(from)
  const secret = str((digits[0] ?? 0) & 0x80 ? Buffer.concat([Buffer.alloc(1), digits]) : digits)
  await wire.next()
  wire.send(Buffer.from([SSH.newKeys]))
  useKeys(wire, secret, exchangeHash(wire, { init, reply, hostKey, secret }))
  wire.send(Buffer.concat([Buffer.from([SSH.serviceRequest]), str('ssh-userauth')]))
  await wire.next()
  const head = [str(key.login), str('ssh-connection'), str('password'), Buffer.alloc(1)]
  wire.send(Buffer.concat([Buffer.from([50]), ...head, str(key.value)]))
  expect((await wire.next())[0]).toBe(52)
  return wire
}

const channelOpen = (id: number) =>
  Buffer.concat([Buffer.from([90]), str('nothing'), u32(id), u32(1_000), u32(1_000)])

describe('a client that leaves a key exchange open', () => {
  test('and goes on asking is cut before its answers fill the memory', async () => {
    const listener = { address: '127.0.0.1', port: 0, siteId: null }
    const options = { listener, log: silent, hostKeys: [newHostKey()], rekeyBytes: 100_000 }
    const door = await startSftpDoor(world.gate, options)
    try {
      using wire = await logIn(door.port)
      // Enough for the door to begin an exchange, which is never answered.
      for (let i = 0; i < 2_000; i++) wire.send(channelOpen(i))
      while ((await wire.next())[0] !== SSH.kexInit);
      let isOver = false
      void wire.ended.then(() => {
        isOver = true
      })
      for (let i = 0; i < 400 && !isOver; i++) {
        for (let k = 0; k < 100; k++) wire.send(channelOpen(k))
        await new Promise((resolve) => setImmediate(resolve))
      }
      await wire.ended
      const client = await connect(door.port, key)
      client.end()
    } finally {
      await door.stop(AbortSignal.abort())
    }
  })
})
