import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { patienceFor } from '#protocols/ftp/presence.ts'
import type { RunningDoor } from '#protocols/protocol.ts'
import { startWorld, type World, type WorldKey } from '#test/world.ts'
import { loginRaw, type RawClient } from './raw-client.ts'
import { filesBelow, until } from './waiting.ts'

const BYTES = randomBytes(300_000)
const OLD = 'the old content'

let world: World
let key: WorldKey
let door: RunningDoor
let client: RawClient

beforeAll(async () => {
  world = await startWorld()
  key = await world.issue()
  door = await world.start('ftp')
})

afterAll(() => world[Symbol.asyncDispose]())

beforeEach(async () => {
  await writeFile(real('file'), OLD)
  client = await loginRaw(door.port, key)
  return () => client[Symbol.dispose]()
})

function real(name: string): string {
  return join(world.root, name)
}

/** An upload of which the server has all bytes, but not their end. */
async function startUpload(): Promise<Socket> {
  const data = await client.openData()
  expect(await client.command('STOR file')).toMatch(/^150 /)
  data.write(BYTES)
  await until(async () => (await client.command('STAT')).includes(`${BYTES.length} bytes`))
  return data
}

/** Until nothing of session and upload is left but the file. */
async function gone(): Promise<void> {
  await until(() => world.core.gate.sessions.list().length === 0)
  await until(async () => (await filesBelow(world.root)).join() === 'file')
}

describe('an upload whose control connection is lost is never published, however it is lost', () => {
  const ways: [string, (socket: Socket) => void][] = [
    ['closed', (socket) => socket.end()],
    ['reset', (socket) => socket.resetAndDestroy()],
    ['dropped', (socket) => socket.destroy()],
  ]

  test.each(ways)('%s before the data ends', async (_, lose) => {
    const data = await startUpload()
    lose(client.socket)
    await gone()
    data.end()
    expect(await readFile(real('file'), 'utf8')).toBe(OLD)
  })

  test.each(ways)('%s in the same instant', async (_, lose) => {
    const data = await startUpload()
    data.end()
    lose(client.socket)
    await gone()
    expect(await readFile(real('file'), 'utf8')).toBe(OLD)
  })

  test.each(ways)('%s a while after the data ended short of what ALLO announced', async (_, lose) => {
    expect(await client.command(`ALLO ${BYTES.length + 1}`)).toMatch(/^202 /)
    const data = await startUpload()
    data.end()
    await once(data, 'finish')
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect(await readFile(real('file'), 'utf8')).toBe(OLD)
    lose(client.socket)
    await gone()
    expect(await readFile(real('file'), 'utf8')).toBe(OLD)
  })
})

describe('an upload is published when its data ends and its client', () => {
  async function isPublished(): Promise<boolean> {
    return (await readFile(real('file'))).equals(BYTES)
  }

  test('waits for the answer', async () => {
    const data = await startUpload()
    data.end()
    expect(await client.reply()).toMatch(/^226 /)
    expect(await isPublished()).toBe(true)
  })

  test('waits for the answer, although ALLO announced more', async () => {
    await client.command(`ALLO ${BYTES.length * 2}`)
    const data = await startUpload()
    data.end()
    expect(await client.reply()).toMatch(/^226 /)
    expect(await isPublished()).toBe(true)
  })

  test('says QUIT and hangs up without waiting for the answer', async () => {
    const data = await startUpload()
    client.send('QUIT\r\n')
    client.socket.end()
    await new Promise((resolve) => setTimeout(resolve, 100))
    data.end()
    await until(isPublished)
    await gone()
  })

  test('says QUIT and hangs up, but not when its data is reset', async () => {
    const data = await startUpload()
    client.send('QUIT\r\n')
    client.socket.end()
    await new Promise((resolve) => setTimeout(resolve, 100))
    data.resetAndDestroy()
    await gone()
    expect(await readFile(real('file'), 'utf8')).toBe(OLD)
  })
})

test('how long the client is looked for: not at all when all is there that ALLO announced', () => {
  const upload = { startedAt: 0, endedAt: 500, start: 0, end: 1000, announced: null }
  expect(patienceFor(upload)).toBe(50)
  expect(patienceFor({ ...upload, endedAt: 60_000 })).toBe(500)
  expect(patienceFor({ ...upload, announced: 1000 })).toBe(0)
  expect(patienceFor({ ...upload, start: 400, announced: 600 })).toBe(0)
  expect(patienceFor({ ...upload, announced: 999 })).toBe(50)
  expect(patienceFor({ ...upload, announced: 1001 })).toBe(2000)
})
