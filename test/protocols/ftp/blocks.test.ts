import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { BLOCK_BYTES } from '#protocols/ftp/blocks.ts'
import type { RunningDoor } from '#protocols/protocol.ts'
import { startWorld, type World, type WorldKey } from '#test/world.ts'
import { loginRaw, upload } from './raw-client.ts'

let world: World
let key: WorldKey
let door: RunningDoor

beforeAll(async () => {
  world = await startWorld()
  key = await world.issue()
  door = await world.start('ftp')
})

afterAll(() => world[Symbol.asyncDispose]())

async function put(name: string, bytes: Uint8Array): Promise<string> {
  using client = await loginRaw(door.port, key)
  return await upload(client, `STOR ${name}`, bytes)
}

async function cutInTheMiddle(name: string): Promise<void> {
  using client = await loginRaw(door.port, key)
  const data = await client.openData()
  expect(await client.command(`STOR ${name}`)).toMatch(/^150 /)
  await new Promise<void>((resolve) => data.write(randomBytes(BLOCK_BYTES + 1), () => resolve()))
  data.resetAndDestroy()
  expect(await client.reply()).toMatch(/^426 /)
}

test.each([0, 1, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 9 * BLOCK_BYTES])(
  'an upload of %i bytes is whole, whatever was in the blocks before',
  async (size) => {
    const bytes = randomBytes(size)
    expect(await put('sized', bytes)).toMatch(/^226 /)
    expect((await readFile(join(world.root, 'sized'))).equals(bytes)).toBe(true)
  },
)

test('uploads at the same time, some of them cut, get no byte of each other', async () => {
  const contents = Array.from({ length: 6 }, () => randomBytes(5 * BLOCK_BYTES + 7))
  const puts = contents.map((bytes, at) => put(`one-${at}`, bytes))
  const cuts = contents.map((_, at) => cutInTheMiddle(`cut-${at}`))
  for (const reply of await Promise.all(puts)) expect(reply).toMatch(/^226 /)
  await Promise.all(cuts)
  for (const [at, bytes] of contents.entries()) {
    expect((await readFile(join(world.root, `one-${at}`))).equals(bytes)).toBe(true)
  }
})
