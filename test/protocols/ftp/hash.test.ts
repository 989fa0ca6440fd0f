import { createHash, randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { RunningDoor } from '#protocols/protocol.ts'
import { startWorld, type World, type WorldKey } from '#test/world.ts'
import { download, loginRaw, type RawClient } from './raw-client.ts'

const BYTES = randomBytes(1_500_000)

let world: World
let key: WorldKey
let door: RunningDoor
let client: RawClient

beforeAll(async () => {
  world = await startWorld()
  key = await world.issue()
  door = await world.start('ftp')
  await writeFile(join(world.root, 'a file'), BYTES)
  await writeFile(join(world.root, 'empty'), '')
})

afterAll(() => world[Symbol.asyncDispose]())

beforeEach(async () => {
  client = await loginRaw(door.port, key)
  return () => client[Symbol.dispose]()
})

function hex(name: string, bytes: Uint8Array = BYTES): string {
  return createHash(name).update(bytes).digest('hex')
}

describe('HASH', () => {
  test.each([
    ['SHA-256', 'sha256'],
    ['SHA-512', 'sha512'],
    ['SHA-1', 'sha1'],
    ['MD5', 'md5'],
  ])('%s', async (name, algorithm) => {
    expect(await client.command(`OPTS HASH ${name}`)).toBe(`200 ${name}`)
    expect(await client.command('FEAT')).toContain(`${name}*`)
    const last = BYTES.length - 1
    expect(await client.command('HASH a file')).toBe(`213 ${name} 0-${last} ${hex(algorithm)} a file`)
  })

  test('RANG chooses a part, for the next command only', async () => {
    expect(await client.command('RANG 10 1000009')).toMatch(/^350 /)
    const part = BYTES.subarray(10, 1_000_010)
    expect(await client.command('HASH a file')).toBe(`213 SHA-256 10-1000009 ${hex('sha256', part)} a file`)
    expect(await client.command('HASH a file')).toContain(hex('sha256'))
  })

  test('RANG holds for RETR too, REST and RANG 1 0 take it back', async () => {
    await client.command('RANG 5 9')
    expect((await download(client, 'RETR a file')).equals(BYTES.subarray(5, 10))).toBe(true)
    await client.command('RANG 5 9')
    await client.command('REST 1499990')
    expect((await download(client, 'RETR a file')).length).toBe(10)
    await client.command('RANG 1499990 9999999')
    expect((await download(client, 'RETR a file')).length).toBe(10)
    await client.command('RANG 5 9')
    expect(await client.command('RANG 1 0')).toMatch(/^350 /)
    expect((await download(client, 'RETR a file')).length).toBe(BYTES.length)
  })

  test('what is no range is refused, and what is beyond the end too', async () => {
    for (const bad of ['RANG', 'RANG 5', 'RANG 9 5', 'RANG -1 5', 'RANG a b']) {
      expect(await client.command(bad), bad).toMatch(/^501 /)
    }
    await client.command('RANG 2000000 3000000')
    expect(await client.command('HASH a file')).toMatch(/^554 /)
    expect(await client.command('HASH empty')).toContain(hex('sha256', Buffer.alloc(0)))
    expect(await client.command('HASH missing')).toMatch(/^550 /)
    expect(await client.command('OPTS HASH WHIRLPOOL')).toMatch(/^501 /)
  })
})

describe('the older commands', () => {
  test.each([
    ['XSHA256', 'sha256'],
    ['XSHA512', 'sha512'],
    ['XSHA1', 'sha1'],
    ['XSHA', 'sha1'],
    ['XMD5', 'md5'],
  ])('%s takes a name, a quoted name, and a range', async (verb, algorithm) => {
    expect(await client.command('FEAT')).toContain(` ${verb}\r\n`)
    expect(await client.command(`${verb} a file`)).toBe(`250 ${hex(algorithm)}`)
    expect(await client.command(`${verb} "a file"`)).toBe(`250 ${hex(algorithm)}`)
    const part = BYTES.subarray(100, 1_000_000)
    expect(await client.command(`${verb} "a file" 100 1000000`)).toBe(`250 ${hex(algorithm, part)}`)
    expect(await client.command(`${verb} "a file" 100`)).toBe(`250 ${hex(algorithm, BYTES.subarray(100))}`)
  })

  test('XCRC is a CRC-32', async () => {
    const sum = crc32(BYTES).toString(16).padStart(8, '0').toUpperCase()
    expect(await client.command('XCRC a file')).toBe(`250 ${sum}`)
  })

  test('they need the right to read', async () => {
    expect(await client.command('XMD5 missing')).toMatch(/^550 /)
    expect(await client.command('XMD5 "a file" 9999999')).toMatch(/^554 /)
  })
})
