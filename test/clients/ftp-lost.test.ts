import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { RunningDoor } from '#protocols/protocol.ts'
import { startWorld, type World, type WorldKey } from '#test/world.ts'
import { until } from '../protocols/ftp/waiting.ts'
import { program } from './programs.ts'
import { run, start } from './run.ts'

const MIB = 1024 * 1024
const OLD = Buffer.alloc(3 * MIB, 'o')
const NEW = randomBytes(16 * MIB)

let world: World
let key: WorldKey
let door: RunningDoor
let dir: string
/** Control connections go through here and can be cut; data connections go to the door itself. */
let between: { port: number; cut(): void; close(): void }

beforeAll(async () => {
  world = await startWorld()
  key = await world.issue()
  door = await world.start('ftp')
  dir = await mkdtemp(join(tmpdir(), 'latchkey-ftp-lost-'))
  await writeFile(join(dir, 'new'), NEW)
})

afterAll(async () => {
  await world[Symbol.asyncDispose]()
  await rm(dir, { recursive: true })
})

beforeEach(async () => {
  const sockets = new Set<Socket>()
  const server = createServer((client) => {
    const onward = connect(door.port, '127.0.0.1')
    for (const socket of [client, onward]) sockets.add(socket.on('error', () => {}))
    client.pipe(onward).pipe(client)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const cut = () => {
    for (const socket of sockets) socket.destroy()
    sockets.clear()
  }
  between = { port: (server.address() as AddressInfo).port, cut, close: () => server.close() }
  return () => {
    cut()
    between.close()
  }
})

function real(name: string): string {
  return join(world.root, name)
}

/** Cuts the connections when a good part of an upload has arrived. */
async function cutInTheMiddle(): Promise<void> {
  const live = () => world.core.gate.sessions.list()
  await until(async () => (await live()).some(({ activity }) => activity.bytesIn > 5 * MIB), 30_000)
  between.cut()
}

describe.runIf(program('lftp'))('lftp', () => {
  test('whose control connection is cut in mid-upload goes on by itself, and no byte of the old file is left', async () => {
    await writeFile(real('lftp'), OLD)
    const settings = 'set ftp:ssl-allow no; set net:limit-rate 6000000; set net:reconnect-interval-base 1'
    const words = `${settings}; set net:max-retries 5; put ${join(dir, 'new')} -o /lftp; bye`
    const program = start('lftp', [
      '-u',
      `${key.login},${key.value}`,
      '-e',
      words,
      `ftp://127.0.0.1:${between.port}`,
    ])
    await cutInTheMiddle()
    expect((await program.done).code).toBe(0)
    expect((await readFile(real('lftp'))).equals(NEW)).toBe(true)
  })
})

describe.runIf(program('curl'))('curl', () => {
  test('-C - goes on with an upload that was cut, and no byte of the old file is left (check 6)', async () => {
    await writeFile(real('curl'), OLD)
    const login = ['-sS', '-u', `${key.login}:${key.value}`, '-T', join(dir, 'new')]
    const url = `ftp://127.0.0.1:${between.port}/curl`
    const first = start('curl', [...login, '--limit-rate', '6M', url])
    await cutInTheMiddle()
    expect((await first.done).code).not.toBe(0)
    expect((await readFile(real('curl'))).equals(OLD)).toBe(true)
    const second = await run('curl', [...login, '-C', '-', url])
    expect(second.code, second.stderr).toBe(0)
    expect((await readFile(real('curl'))).equals(NEW)).toBe(true)
  })
})
