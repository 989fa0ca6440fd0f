import { createHash } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DOORS, type DoorName } from '#permissions/conditions.ts'
import { startWorld, type World, type WorldKey } from './world.ts'

let world: World
let key: WorldKey
const ports = new Map<DoorName, number>()

beforeAll(async () => {
  world = await startWorld()
  key = await world.issue()
  for (const door of DOORS) ports.set(door, (await world.start(door)).port)
})

afterAll(() => world[Symbol.asyncDispose]())

/** The same bytes for the same seed, of any value. */
function noise(seed: string, length: number): Buffer {
  const blocks: Buffer[] = []
  for (let i = 0; i * 32 < length; i++) blocks.push(createHash('sha256').update(`${seed} ${i}`).digest())
  return Buffer.concat(blocks).subarray(0, length)
}

const GARBAGE: ReadonlyMap<string, readonly (string | Buffer)[]> = new Map<string, (string | Buffer)[]>([
  ['nothing at all', []],
  ['random bytes', [noise('a', 10_000)]],
  ['random bytes behind an SSH greeting', ['SSH-2.0-x\r\n', noise('b', 10_000)]],
  ['a TLS handshake', [Buffer.from('160301020001000001fc0303', 'hex'), noise('c', 500)]],
  ['a line of a megabyte', ['A'.repeat(1 << 20)]],
  ['NULs', [Buffer.alloc(65_536)]],
  ['half a request', ['PUT /half HTTP/1.1\r\nHost: x\r\nContent-Le']],
  ['a huge header', [`GET / HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat(200_000)}\r\n\r\n`]],
  ['ten thousand headers', [`GET / HTTP/1.1\r\n${'a: b\r\n'.repeat(10_000)}\r\n`]],
  ['a bad length', ['PUT /x HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n']],
  ['two lengths', ['PUT /x HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx']],
  ['bad chunks', ['PUT /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n']],
  ['a bad escape', ['GET /%ff%zz%00 HTTP/1.1\r\nHost: x\r\n\r\n']],
  ['a way out', ['GET /../../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n']],
  ['bad credentials', ['GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Basic !!!\r\n\r\n']],
  ['binary credentials', ['GET / HTTP/1.1\r\nHost: x\r\nAuthorization: ', noise('d', 50), '\r\n\r\n']],
  ['an upgrade', ['GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n']],
  ['CONNECT', ['CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: x\r\n\r\n']],
  ['FTP nonsense', ['USER\r\nPASS\r\nPORT 1,2,3\r\nEPRT |9|x|y|\r\nSITE EXEC x\r\n\xff\xf4\xff\xf2ABOR\r\n']],
])

/** Sends the pieces, reads what comes for a moment, and hangs up in the rudest way. */
function send(port: number, pieces: readonly (string | Buffer)[]): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    const hangUp = () => socket.resetAndDestroy()
    socket.on('error', () => undefined)
    socket.on('close', () => resolve())
    socket.on('data', () => undefined)
    socket.on('connect', () => {
      for (const piece of pieces) socket.write(piece)
      setTimeout(hangUp, 50)
    })
  })
}

describe.each(DOORS)('garbage on the %s port', (door) => {
  test('harms neither the process nor anybody else, and nothing is written', async () => {
    const port = ports.get(door) ?? 0
    const before = await listing()
    await Promise.all([...GARBAGE.values()].map((pieces) => send(port, pieces)))
    for (const pieces of GARBAGE.values()) await send(port, pieces)
    for (const [other, otherPort] of ports) expect(await answers(other, otherPort), other).toBe(true)
    expect(await listing()).toEqual(before)
    expect(world.logs.filter(({ level }) => level === 'error')).toEqual([])
  })
})

async function listing(): Promise<string[]> {
  return (await readdir(world.root, { recursive: true })).toSorted()
}

/** True when the door still does its work: HTTP doors answer, the others greet. */
async function answers(door: DoorName, port: number): Promise<boolean> {
  if (door === 'ftp' || door === 'sftp') return /^(220|SSH-2\.0)/.test(await greeting(port))
  const authorization =
    door === 'rest'
      ? `Bearer ${key.value}`
      : `Basic ${Buffer.from(`${key.login}:${key.value}`).toString('base64')}`
  const path = door === 'rest' ? '/api/test/api-key' : '/'
  const { status } = await fetch(`http://127.0.0.1:${port}${path}`, { headers: { authorization } })
  return door === 's3' ? status === 400 || status === 403 : status === 200
}

function greeting(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('data', (chunk: Buffer) => {
      resolve(chunk.toString())
      socket.destroy()
    })
    socket.on('error', reject)
    socket.on('close', () => resolve(''))
  })
}
