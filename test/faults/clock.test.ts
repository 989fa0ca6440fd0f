import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { headSeal } from '#audit/chain.ts'
import { verifyAudit } from '#audit/verify.ts'
import { startWorld, type World } from '../world.ts'
import { openDoors } from './all-doors.ts'
import { contentOf, versionIn } from './versions.ts'
import { connectWriters, type Writer } from './writers.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const JUMPS: [string, number][] = [
  ['a day ahead', DAY],
  ['ten minutes back', -HOUR / 6],
  ['a day back', -DAY],
]

async function start() {
  const world = await startWorld()
  await mkdir(join(world.root, 'box'))
  return { world, demo: await openDoors(world) }
}

/** S3 clients sign with the time of this machine, which the server's clock is not: AWS allows 15 minutes. */
const doorsOf = (all: readonly Writer[], ms: number) =>
  all.filter(({ door }) => door !== 's3' || Math.abs(ms) < HOUR / 4)

async function write({ door, put }: Writer, world: World, version: number): Promise<void> {
  await put(`/box/${door}`, contentOf(door, version, 10_000))
  expect(versionIn(door, await readFile(join(world.root, 'box', door))), door).toBe(version)
}

function loginsInAudit({ folder }: World): Promise<number> {
  const filter = { siteId: null, action: 'login', outcome: 'ok' } as const
  return folder.records.audit
    .search(filter, { limit: 1_000, after: null, order: 'newest' })
    .then((found) => found.length)
}

async function auditProblems({ core, folder }: World) {
  await core.audit.flush()
  const seal = headSeal(folder.pepper)
  return (await folder.records.audit.inspect((reader) => verifyAudit(reader, seal))).problems
}

describe.each(JUMPS)('the clock jumps %s', (_, ms) => {
  test('sessions go on, new ones are let in, and the audit is whole', async () => {
    const { world, demo } = await start()
    await using _world = world
    const before = await connectWriters(demo)
    for (const writer of before) await write(writer, world, 1)
    const said = await loginsInAudit(world)
    world.clock.advance(ms)
    for (const writer of doorsOf(before, ms)) await write(writer, world, 2)
    const after = await connectWriters(demo)
    for (const writer of doorsOf(after, ms)) await write(writer, world, 3)
    // Logins at doors with sessions are said one by one, whatever was said in the future.
    expect(await loginsInAudit(world)).toBeGreaterThanOrEqual(said + 2)
    for (const writer of [...before, ...after]) writer.close()
    expect(await auditProblems(world)).toEqual([])
  })

  test('a key that is disabled afterwards is dead at every door', async () => {
    const { world, demo } = await start()
    await using _world = world
    const writers = await connectWriters(demo)
    for (const writer of writers) await write(writer, world, 1)
    world.clock.advance(ms)
    await world.disable(demo.login.slice('@api-'.length))
    for (const writer of writers) await expect(write(writer, world, 2), writer.door).rejects.toThrow()
    await expect(connectWriters(demo)).rejects.toThrow()
    for (const writer of writers) writer.close()
  })

  test('who guessed wrong does not wait for longer than without the jump', async () => {
    const { world, demo } = await start()
    await using _world = world
    const status = async (value: string) => {
      const authorization = `Basic ${Buffer.from(`${demo.login}:${value}`).toString('base64')}`
      return (await fetch(`${demo.webdav}/`, { method: 'PROPFIND', headers: { authorization, depth: '0' } }))
        .status
    }
    let refused = 0
    while (refused !== 429 && refused !== 503) refused = await status('wrong')
    world.clock.advance(ms)
    // The longest wait of one address.
    world.clock.advance(HOUR)
    expect(await status(demo.value)).toBe(207)
  })
})

test('sessions are listed after the clock was put back', async () => {
  const { world, demo } = await start()
  await using _world = world
  const writers = await connectWriters(demo)
  world.clock.advance(5_000)
  const listed = async () => {
    await world.core.liveSessions.refresh()
    const site = world.site.id
    const page = { now: world.clock.now(), limit: 100, after: null }
    return (await world.folder.records.liveSessions.list(site, page)).filter(({ door }) => door === 'sftp')
      .length
  }
  expect(await listed()).toBe(1)
  world.clock.advance(-DAY)
  expect(await listed()).toBe(1)
  for (const writer of writers) writer.close()
})

test('a key that ends is over within a minute when the clock is put forward', async () => {
  const { world } = await start()
  await using _world = world
  const key = await world.issue({ name: 'ends', expiresAt: world.clock.now() + DAY })
  const { port } = await world.start('webdav')
  const authorization = `Basic ${Buffer.from(`${key.login}:${key.value}`).toString('base64')}`
  const ask = () =>
    fetch(`http://127.0.0.1:${port}/`, { method: 'PROPFIND', headers: { authorization, depth: '0' } })
  expect((await ask()).status).toBe(207)
  world.clock.advance(DAY + 1)
  expect((await ask()).status).toBe(401)
  world.clock.advance(-DAY)
  expect((await ask()).status).toBe(207)
})
