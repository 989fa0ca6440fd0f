import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { seededRandom } from '../seeded.ts'
import { startWorld, type World } from '../world.ts'
import { openDoors } from './all-doors.ts'
import { type Failures, failingMounts } from './failing-mount.ts'
import { faultRounds } from './rounds.ts'
import { filesBelow } from './traces.ts'
import { contentOf, versionIn } from './versions.ts'
import { connectWriters } from './writers.ts'

const SIZE = 300_000

/** A world whose storage fails when `disk.failures` says so. */
async function startFailing() {
  const disk: { failures: Failures } = { failures: () => null }
  const world = await startWorld({ openMount: failingMounts((call) => disk.failures(call)) })
  await mkdir(join(world.root, 'box'))
  return { disk, world, demo: await openDoors(world) }
}

async function versionOf(world: World, name: string): Promise<number | 'absent' | 'broken'> {
  const bytes = await readFile(join(world.root, 'box', name)).catch(() => null)
  return bytes === null ? 'absent' : (versionIn(name, bytes) ?? 'broken')
}

/** Errors that are logged as the server's own, and not as the storage's. */
function internalErrors(world: World) {
  return world.logs.filter(
    ({ level, fields }) => level === 'error' && !isOfStorage(Reflect.get(fields, 'err')),
  )
}

function isOfStorage(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  return Reflect.get(error, 'code') === 'EIO' || isOfStorage(error.cause)
}

const WRITING = ['findPlace', 'stage', 'staged.write', 'staged.publish'] as const
const CASES = WRITING.flatMap((call) => [
  { call, failure: 'before' as const },
  { call, failure: 'after' as const },
])

test.for(CASES)(
  'EIO $failure $call: no door acknowledges an upload that is not there',
  async ({ call, failure }) => {
    const { disk, world, demo } = await startFailing()
    await using _ = world
    for (const { door, put, close } of await connectWriters(demo)) {
      await put(`/box/${door}`, contentOf(door, 1, SIZE))
      let failed = 0
      disk.failures = (name) => {
        if (name !== call) return null
        failed += 1
        return failure
      }
      const answer = await put(`/box/${door}`, contentOf(door, 2, SIZE)).then(
        () => 'acknowledged',
        () => 'refused',
      )
      disk.failures = () => null
      expect([door, failed > 0, answer]).toEqual([door, true, 'refused'])
      // Only what failed after it was done may have been done.
      const allowed = failure === 'after' && call === 'staged.publish' ? [1, 2] : [1]
      expect(allowed, door).toContain(await versionOf(world, door))
      close()
    }
    for (const { door, put, get, close } of await connectWriters(demo)) {
      await put(`/box/${door}`, contentOf(door, 3, SIZE))
      expect(versionIn(door, await get(`/box/${door}`)), door).toBe(3)
      close()
    }
    expect(internalErrors(world)).toEqual([])
  },
)

test('EIO while a file is read: no door hands out half of it as the whole', async () => {
  const { disk, world, demo } = await startFailing()
  await using _ = world
  for (const { door, put, get, close } of await connectWriters(demo)) {
    await put(`/box/${door}`, contentOf(door, 1, 4 * SIZE))
    let reads = 0
    disk.failures = (call) => {
      if (call !== 'file.read') return null
      reads += 1
      return reads > 1 ? 'before' : null
    }
    const read = await get(`/box/${door}`).then(
      (bytes) => versionIn(door, bytes),
      () => 'refused',
    )
    disk.failures = () => null
    // Whole it may be: what failed was read ahead, or only to see the end.
    expect(reads, door).toBeGreaterThan(0)
    expect([1, 'refused'], door).toContain(read)
    close()
  }
  for (const { door, get, close } of await connectWriters(demo)) {
    expect(versionIn(door, await get(`/box/${door}`)), door).toBe(1)
    close()
  }
  expect(internalErrors(world)).toEqual([])
})

test('EIO in any call, now and then: what is acknowledged is whole, and nothing is left in staging', async () => {
  const random = seededRandom()
  const { disk, world, demo } = await startFailing()
  await using _ = world
  for (let round = 0; round < faultRounds(3); round++) {
    const writers = await connectWriters(demo)
    disk.failures = () => (random.next() < 0.05 ? random.pick(['before', 'after'] as const) : null)
    await Promise.all(
      writers.map(async ({ door, put, get, remove, close }) => {
        let acknowledged: number | 'absent' = await versionOfWhole(world, door)
        const asked = new Set<number | 'absent'>()
        for (let version = 1; version <= 20; version++) {
          const name = `/box/${door}`
          const wish = random.next() < 0.2 ? 'absent' : version
          asked.add(wish)
          const work = wish === 'absent' ? remove(name) : put(name, contentOf(door, wish, SIZE))
          await work.then(
            () => {
              acknowledged = wish
              asked.clear()
            },
            () => undefined,
          )
          await get(name).catch(() => undefined)
          expect([acknowledged, ...asked], door).toContain(await versionOf(world, door))
        }
        close()
      }),
    )
    disk.failures = () => null
    await expect.poll(() => filesBelow(join(world.root, '.latchkey/staging'))).toEqual([])
  }
  for (const { door, put, get, close } of await connectWriters(demo)) {
    await put(`/box/${door}`, contentOf(door, 99, SIZE))
    expect(versionIn(door, await get(`/box/${door}`)), door).toBe(99)
    close()
  }
  expect(internalErrors(world)).toEqual([])
})

async function versionOfWhole(world: World, name: string): Promise<number | 'absent'> {
  const version = await versionOf(world, name)
  if (version === 'broken') throw new Error(`${name} is broken`)
  return version
}
