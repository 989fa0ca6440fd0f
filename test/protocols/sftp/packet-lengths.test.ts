import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { CipherAlgorithm } from 'ssh2'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { RunningDoor } from '#protocols/protocol.ts'
import { startSftpDoor } from '#protocols/sftp/door.ts'
import { newHostKey } from '#protocols/sftp/host-key.ts'
import { startWorld, type World, type WorldKey } from '#test/world.ts'
import { FLAGS, handleOf, openRaw, type Raw, request } from './client.ts'

/* The door lays packets out by itself: their client checks length, padding and MAC of each. */

const CIPHERS: readonly CipherAlgorithm[] = [
  'aes128-gcm@openssh.com',
  'chacha20-poly1305@openssh.com',
  'aes128-ctr',
]
const content = randomBytes(300_000)
/** All that differ in padding, around the samples, and around one full packet of channel data and two. */
const LENGTHS = [...range(1, 150), ...range(32_700, 32_800), ...range(65_500, 65_540), 100_003, 261_120]

let world: World
let key: WorldKey
let door: RunningDoor

beforeAll(async () => {
  world = await startWorld()
  key = await world.issue()
  const listener = { address: '127.0.0.1', port: 0, siteId: null }
  const log = { debug() {}, info() {}, warn() {}, error() {} }
  // Less than what each client reads: it gets new keys within a second.
  door = await startSftpDoor(world.gate, { listener, log, hostKeys: [newHostKey()], rekeyBytes: 1_000_000 })
  await writeFile(join(world.root, 'file'), content)
})
afterAll(async () => {
  await door.stop(AbortSignal.abort())
  await world[Symbol.asyncDispose]()
})

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, at) => from + at)
}

/** The lengths of which another content came back. */
async function wrongLengths(raw: Raw): Promise<number[]> {
  const handle = handleOf(await raw.ask(request.open('/file', FLAGS.read)))
  raw.send(...LENGTHS.map((length) => request.read(handle, BigInt(length), length)))
  const wrong: number[] = []
  for (const length of LENGTHS) {
    const { type, body } = await raw.next()
    const expected = content.subarray(length, 2 * length)
    if (type !== 103 || !body.subarray(4).equals(expected)) wrong.push(length)
  }
  return wrong
}

describe('packets of every length', () => {
  test.each(CIPHERS)('are whole under %s, also after new keys', async (cipher) => {
    using raw = await openRaw(door.port, key, true, { algorithms: { cipher: [cipher] } })
    const newKeys = new Promise<void>((resolve) => raw.client.once('handshake', () => resolve()))
    expect(await wrongLengths(raw)).toEqual([])
    await newKeys
    expect(await wrongLengths(raw)).toEqual([])
  })
})
