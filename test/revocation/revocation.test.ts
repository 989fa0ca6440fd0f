import { open, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Actor } from '#identity/actor.ts'
import { updateSite } from '#identity/sites.ts'
import { LEVELS } from '#permissions/grants.ts'
import { startWorld, type World } from '../world.ts'
import { CAUSES, type Doomed, LIFETIME_MS } from './causes.ts'
import { LENGTH, TRANSFERS, type TransferDoor } from './transfers.ts'

const OPERATOR: Actor = { kind: 'command_line' }
const OLD = 'what was there before'

let world: World
const ports = new Map<TransferDoor, number>()
let made = 0

beforeAll(async () => {
  world = await startWorld()
  const admin = await world.issue()
  for (const door of TRANSFERS.keys()) ports.set(door, (await world.start(door)).port)
  const authorization = `Basic ${Buffer.from(`${admin.login}:${admin.value}`).toString('base64')}`
  await fetch(`http://127.0.0.1:${ports.get('webdav')}/team`, { method: 'MKCOL', headers: { authorization } })
  await using huge = await open(join(world.root, 'team/huge.bin'), 'w')
  await huge.truncate(LENGTH)
})

afterAll(() => world[Symbol.asyncDispose]())

async function doomedKey(): Promise<Doomed> {
  const user = `user-${++made}`
  const full = LEVELS.get('full') ?? 0
  const grants = [{ path: '/team', rights: full }]
  const expiresAt = world.clock.now() + LIFETIME_MS
  return { ...(await world.issue({ user, role: 'member', grants, expiresAt })), user }
}

/** Files being staged, with their bytes on disk. */
async function staged(): Promise<number[]> {
  const folder = join(world.root, '.latchkey/staging')
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  const files = entries.filter((entry) => entry.isFile())
  return Promise.all(
    files.map(
      async ({ parentPath, name }) => (await stat(join(parentPath, name)).catch(() => null))?.size ?? 0,
    ),
  )
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 10_000; !(await holds()); ) {
    if (Date.now() > end) throw new Error('it did not come about in 10 s')
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

const live = () => world.core.gate.sessions.list().length
const sent = () => world.core.gate.sessions.list().reduce((all, { activity }) => all + activity.bytesOut, 0)

describe.each([...TRANSFERS])('R1: %s', (door, { upload, download }) => {
  test.each([...CAUSES])(
    'an upload is cut when %s, nothing stays of it, and the old file is whole',
    async (_, cause) => {
      const key = await doomedKey()
      const path = `/team/upload-${made}.bin`
      await writeFile(join(world.root, path), OLD)
      const transfer = upload(ports.get(door) ?? 0, key, path)
      await until(async () => (await staged()).some((size) => size > 100_000))
      const before = performance.now()
      await cause(world, key)
      await until(async () => live() === 0 && (await staged()).length === 0)
      expect(performance.now() - before).toBeLessThan(1_000)
      expect(await transfer.ended).toBe('cut')
      expect(await readFile(join(world.root, path), 'utf8')).toBe(OLD)
      transfer.stop()
      await updateSite(world.identity, OPERATOR, world.site.id, { enabled: true })
    },
  )

  test.each([...CAUSES])('a download is cut when %s', async (_, cause) => {
    const key = await doomedKey()
    const transfer = download(ports.get(door) ?? 0, key, '/team/huge.bin')
    await until(() => sent() > 100_000)
    const before = performance.now()
    await cause(world, key)
    await until(() => live() === 0)
    expect(performance.now() - before).toBeLessThan(1_000)
    expect(await transfer.ended).toBe('cut')
    transfer.stop()
    await updateSite(world.identity, OPERATOR, world.site.id, { enabled: true })
  })
})
