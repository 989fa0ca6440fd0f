import { randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { RunningDoor } from '#protocols/protocol.ts'
import { startWorld, type World, type WorldKey } from '#test/world.ts'
import { download, loginRaw, type RawClient, upload } from './raw-client.ts'
import { filesBelow, until } from './waiting.ts'

const MIB = 1024 * 1024
const NEW = randomBytes(3 * MIB)

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
  client = await loginRaw(door.port, key)
  return () => client[Symbol.dispose]()
})

function real(name: string): string {
  return join(world.root, name)
}

async function startUpload(by: RawClient, command: string, bytes: Uint8Array): Promise<Socket> {
  const data = await by.openData()
  expect(await by.command(command)).toMatch(/^150 /)
  await new Promise<void>((resolve) => data.write(bytes, () => resolve()))
  await until(async () => (await by.command('STAT')).includes(`${bytes.length} bytes`))
  return data
}

/** An upload whose connections are both gone after `length` bytes; resolves when the server has seen it. */
async function loseUpload(name: string, length: number, by: WorldKey = key): Promise<void> {
  const before = (await filesBelow(world.root, 'lost')).length
  using lost = await loginRaw(door.port, by)
  const data = await startUpload(lost, `STOR ${name}`, NEW.subarray(0, length))
  lost.socket.destroy()
  data.destroy()
  await until(async () => (await filesBelow(world.root, 'lost')).length > before)
}

describe('an upload whose connection was lost', () => {
  test('is not published, and whoever lost it is told by SIZE where it ended', async () => {
    await writeFile(real('told'), 'the old content')
    await loseUpload('told', MIB)
    expect(await client.command('SIZE told')).toBe(`213 ${MIB}`)
    expect(await readFile(real('told'), 'utf8')).toBe('the old content')
    const other = await world.issue()
    using stranger = await loginRaw(door.port, other)
    expect(await stranger.command('SIZE told')).toBe('213 15')
    expect(await client.command('MLST told')).toContain('size=15;')
  })

  test.each(['REST and STOR', 'APPE'])('goes on with %s after SIZE, whole and exact', async (how) => {
    const name = `on-${how[0]}`
    await writeFile(real(name), Buffer.alloc(2 * MIB, 'o'))
    await loseUpload(name, MIB)
    const told = Number((await client.command(`SIZE ${name}`)).slice(4))
    if (how !== 'APPE') await client.command(`REST ${told}`)
    const command = how === 'APPE' ? `APPE ${name}` : `STOR ${name}`
    expect(await upload(client, command, NEW.subarray(told))).toMatch(/^226 /)
    expect((await readFile(real(name))).equals(NEW)).toBe(true)
    expect(await client.command(`SIZE ${name}`)).toBe(`213 ${NEW.length}`)
  })

  test('a client that goes on at the size of the old file never mixes the two', async () => {
    await writeFile(real('mixed'), Buffer.alloc(MIB, 'o'))
    await loseUpload('mixed', 2 * MIB)
    await client.command(`REST ${MIB}`)
    expect(await upload(client, 'STOR mixed', NEW.subarray(MIB))).toMatch(/^226 /)
    expect((await readFile(real('mixed'))).equals(NEW)).toBe(true)
    await writeFile(real('mixed'), Buffer.alloc(2 * MIB, 'o'))
    await loseUpload('mixed', MIB)
    await client.command(`REST ${2 * MIB}`)
    expect(await upload(client, 'STOR mixed', NEW.subarray(2 * MIB))).toMatch(/^554 .*1048576 bytes/)
    expect((await readFile(real('mixed'))).equals(Buffer.alloc(2 * MIB, 'o'))).toBe(true)
  })

  test('where nothing came before it was cut, SIZE says that nothing is there, and going on is refused', async () => {
    await writeFile(real('empty'), 'the old content')
    const data = await client.openData()
    await client.command('STOR empty')
    data.resetAndDestroy()
    expect(await client.reply()).toMatch(/^426 /)
    expect(await client.command('SIZE empty')).toMatch(/^550 /)
    await client.command('REST 4')
    expect(await upload(client, 'STOR empty', Buffer.from('x'))).toMatch(/^554 /)
    expect(await readFile(real('empty'), 'utf8')).toBe('the old content')
    expect(await upload(client, 'STOR empty', Buffer.from('anew'))).toMatch(/^226 /)
    expect(await client.command('SIZE empty')).toBe('213 4')
  })

  test('APPE without SIZE adds to what is published, not to what was lost', async () => {
    await writeFile(real('log'), 'one ')
    await loseUpload('log', MIB)
    expect(await upload(client, 'APPE log', Buffer.from('two'))).toMatch(/^226 /)
    expect(await readFile(real('log'), 'utf8')).toBe('one two')
    expect(await client.command('SIZE log')).toBe('213 7')
  })

  test('an APPE that was cut is gone on with behind what came of it', async () => {
    await writeFile(real('appended'), NEW.subarray(0, MIB))
    const data = await startUpload(client, 'APPE appended', NEW.subarray(MIB, 2 * MIB))
    data.resetAndDestroy()
    expect(await client.reply()).toMatch(/^426 /)
    expect(await client.command('SIZE appended')).toBe(`213 ${2 * MIB}`)
    expect(await upload(client, 'APPE appended', NEW.subarray(2 * MIB))).toMatch(/^226 /)
    expect((await readFile(real('appended'))).equals(NEW)).toBe(true)
  })

  test('reading the old file after SIZE gives the lost one up, so that a second try agrees with itself', async () => {
    await writeFile(real('read'), 'the old content')
    await loseUpload('read', MIB)
    expect(await client.command('SIZE read')).toBe(`213 ${MIB}`)
    expect((await download(client, 'RETR read')).toString()).toBe('the old content')
    expect(await client.command('SIZE read')).toBe('213 15')
  })

  test('DELE takes one that has no published file beside it', async () => {
    await loseUpload('only-lost', MIB)
    expect(await client.command('SIZE only-lost')).toBe(`213 ${MIB}`)
    expect(await client.command('DELE only-lost')).toMatch(/^250 /)
    expect(await client.command('SIZE only-lost')).toMatch(/^550 /)
  })

  test('one that hangs on a dead connection is ended when its owner asks for the size', async () => {
    using hanging = await loginRaw(door.port, key)
    await startUpload(hanging, 'STOR hanging', NEW.subarray(0, MIB))
    expect(await client.command('SIZE hanging')).toMatch(/^550 /)
    await new Promise((resolve) => setTimeout(resolve, 3_200))
    expect(await client.command('SIZE hanging')).toBe(`213 ${MIB}`)
    await client.command(`REST ${MIB}`)
    expect(await upload(client, 'STOR hanging', NEW.subarray(MIB))).toMatch(/^226 /)
    expect((await readFile(real('hanging'))).equals(NEW)).toBe(true)
  })

  test('nothing is kept of one that was cut because its key was disabled (R1, check 12)', async () => {
    const short = await world.issue()
    const before = (await filesBelow(world.root, 'lost')).length
    using cut = await loginRaw(door.port, short)
    const data = await startUpload(cut, 'STOR disabled', NEW.subarray(0, MIB))
    await world.disable(short.id)
    await cut.closed
    await until(() => data.destroyed)
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect((await filesBelow(world.root, 'lost')).length).toBe(before)
    expect(await filesBelow(world.root)).not.toContain('disabled')
  })

  test('nothing is kept of TYPE A and STOU: nobody could go on with them', async () => {
    const before = (await filesBelow(world.root, 'lost')).length
    for (const setup of ['TYPE A', 'TYPE I']) {
      await client.command(setup)
      const data = await startUpload(
        client,
        setup === 'TYPE A' ? 'STOR text' : 'STOU',
        Buffer.alloc(MIB, 'x'),
      )
      data.resetAndDestroy()
      expect(await client.reply()).toMatch(/^426 /)
      expect(await client.command('NOOP')).toMatch(/^200 /)
    }
    expect((await filesBelow(world.root, 'lost')).length).toBe(before)
  })
})
