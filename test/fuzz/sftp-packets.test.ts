import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Duplex } from 'node:stream'
import ssh2 from 'ssh2'
import { expect, test } from 'vitest'
import { type Random, seededRandom } from '../seeded.ts'
import { startWorld, type WorldKey } from '../world.ts'
import { timeBoxed } from './box.ts'
import { mutate } from './mutate.ts'

/** One packet of SFTP version 3: length, type, request id, fields (draft-ietf-secsh-filexfer-02 §3). */
function packet(type: number, ...fields: (string | number | bigint)[]): Buffer {
  const body = Buffer.concat([Buffer.from([type]), ...fields.map(field)])
  return Buffer.concat([word(body.length), body])
}

function field(value: string | number | bigint): Buffer {
  if (typeof value === 'number') return word(value)
  if (typeof value === 'bigint') {
    const eight = Buffer.alloc(8)
    eight.writeBigUInt64BE(value)
    return eight
  }
  const text = Buffer.from(value, 'latin1')
  return Buffer.concat([word(text.length), text])
}

function word(value: number): Buffer {
  const four = Buffer.alloc(4)
  four.writeUInt32BE(value)
  return four
}

const INIT = packet(1, 3)
const PACKETS: readonly Buffer[] = [
  packet(3, 1, '/bucket/new', 0x1a, 0),
  packet(3, 2, '/bucket/kept', 0x01, 0),
  packet(4, 3, '\0\0\0\0'),
  packet(5, 4, '\0\0\0\0', 0n, 32_768),
  packet(6, 5, '\0\0\0\0', 0n, 'data'.repeat(100)),
  packet(7, 6, '/bucket'),
  packet(9, 7, '/bucket/kept', 0x0f, 0n, 0, 0, 0o644, 0, 0),
  packet(10, 8, '\0\0\0\0', 0x08, 1, 1),
  packet(11, 9, '/bucket'),
  packet(12, 10, '\0\0\0\0'),
  packet(13, 11, '/bucket/gone'),
  packet(14, 12, '/bucket/folder', 0),
  packet(16, 13, '/bucket/../bucket/.'),
  packet(18, 14, '/bucket/a', '/bucket/b'),
  packet(19, 15, '/bucket/link'),
  packet(20, 16, '/bucket/link', '/etc/passwd'),
  packet(200, 17, 'posix-rename@openssh.com', '/bucket/a', '/bucket/b'),
  packet(200, 18, 'statvfs@openssh.com', '/'),
  packet(200, 19, 'copy-data', '\0\0\0\0', 0n, 0n, '\0\0\0\x01', 0n),
]

function connectClient(port: number, key: WorldKey): Promise<ssh2.Client> {
  return new Promise((resolve, reject) => {
    const client = new ssh2.Client()
    client.on('error', reject)
    client.on('ready', () => resolve(client))
    client.connect({ host: '127.0.0.1', port, username: key.login, password: key.value })
  })
}

/** Opens a session's channel, writes bytes as they are, and closes it when the server is quiet. */
function throwInto(client: ssh2.Client, bytes: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    client.subsys('sftp', (error: Error | undefined, channel: Duplex) => {
      if (error) return reject(error)
      const end = () => channel.destroy()
      let quiet = setTimeout(end, 50)
      channel.on('error', () => undefined)
      channel.on('data', () => {
        clearTimeout(quiet)
        quiet = setTimeout(end, 10)
      })
      channel.on('close', () => {
        clearTimeout(quiet)
        resolve()
      })
      channel.write(bytes)
    })
  })
}

function someTraffic(random: Random): Buffer {
  const packets = Array.from({ length: random.between(1, 10) }, () => random.pick(PACKETS))
  return Buffer.concat([INIT, ...packets])
}

test('hostile packets of SFTP after the login: no crash, no internal error, nobody else is harmed', async () => {
  await using world = await startWorld()
  const random = seededRandom()
  await mkdir(join(world.root, 'bucket'))
  await writeFile(join(world.root, 'bucket/kept'), 'kept')
  const outside = await readdir(dirname(world.root))
  const { port } = await world.start('sftp')
  const key = await world.issue()
  const witness = await connectClient(port, key)
  const stat = () =>
    new Promise<void>((resolve, reject) => {
      witness.sftp((error, session) => {
        if (error) return reject(error)
        session.stat('/', (failed) => {
          session.end()
          if (failed) reject(failed)
          else resolve()
        })
      })
    })
  const count = await timeBoxed(async () => {
    const client = await connectClient(port, key)
    client.on('error', () => undefined)
    for (let at = 0; at < 10; at++) {
      await throwInto(client, mutate(someTraffic(random), random)).catch(() => undefined)
    }
    client.end()
    await stat()
  })
  console.log(`${count * 10} inputs`)
  witness.end()
  expect(world.logs.filter(({ level }) => level === 'error')).toEqual([])
  expect(await readdir(dirname(world.root))).toEqual(outside)
})
