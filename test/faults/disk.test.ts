import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type Server, startServer } from '../clients/server.ts'
import { mountSmallDisk, type SmallDisk } from './small-disk.ts'
import { contentOf, versionIn } from './versions.ts'
import { connectWriters, type Writer } from './writers.ts'

const MEGABYTE = 1024 * 1024
const SMALL = 100_000
const TOO_LARGE = 40 * MEGABYTE

async function expectVersion(folder: string, name: string, version: number): Promise<void> {
  expect(versionIn(name, await readFile(join(folder, name))), name).toBe(version)
}

async function eachDoor(server: Server, use: (writer: Writer) => Promise<void>): Promise<void> {
  for (const writer of await connectWriters(server.demo)) {
    await use(writer)
    writer.close()
  }
}

async function showDisk(server: Server, disk: SmallDisk): Promise<void> {
  await server.cli('mount', 'add', '--path', '/small', '--folder', disk.path, '--trash-days', '0')
  await server.cli('grant', 'add', '--user', 'demo', '--path', '/small', '--rights', 'full')
}

test('F2: a full disk refuses an upload at every door, keeps the old version and works when there is room', async () => {
  using disk = mountSmallDisk(24)
  if (disk === null) return
  await using server = await startServer()
  await showDisk(server, disk)
  await eachDoor(server, async ({ door, put }) => {
    const path = `/small/${door}`
    await put(path, contentOf(door, 1, SMALL))
    await expect(put(path, contentOf(door, 2, TOO_LARGE)), `${door}, too large`).rejects.toThrow()
  })
  await eachDoor(server, async ({ door, put }) => {
    await expectVersion(disk.path, door, 1)
    await put(`/small/${door}`, contentOf(door, 3, SMALL))
    await expectVersion(disk.path, door, 3)
  })
  expect((await readdir(disk.path)).toSorted()).toEqual(['.latchkey', 'ftp', 's3', 'sftp', 'webdav'])
})

test('a read-only file system is read at every door, refuses writes, and is written again later', async () => {
  using disk = mountSmallDisk(24)
  if (disk === null) return
  await using server = await startServer()
  await showDisk(server, disk)
  await eachDoor(server, ({ door, put }) => put(`/small/${door}`, contentOf(door, 1, SMALL)))
  disk.setReadOnly(true)
  await eachDoor(server, async ({ door, put, remove }) => {
    await expect(put(`/small/${door}`, contentOf(door, 2, SMALL)), `${door}, write`).rejects.toThrow()
    await expect(remove(`/small/${door}`), `${door}, delete`).rejects.toThrow()
    await expectVersion(disk.path, door, 1)
  })
  disk.setReadOnly(false)
  await eachDoor(server, async ({ door, put }) => {
    await put(`/small/${door}`, contentOf(door, 3, SMALL))
    await expectVersion(disk.path, door, 3)
  })
})

test('a full disk under the database: the server lives, acknowledges nothing it cannot keep, and recovers', async () => {
  using disk = mountSmallDisk(64)
  if (disk === null) return
  const dir = join(disk.path, 'server')
  await using server = await startServer({ dir })
  await eachDoor(server, ({ door, put }) => put(`/demo/${door}`, contentOf(door, 1, SMALL)))
  const writers = await connectWriters(server.demo)
  const filler = join(disk.path, 'filler')
  await writeFile(filler, Buffer.alloc(63 * MEGABYTE)).catch(() => undefined)
  for (const { door, put } of writers) {
    await expect(put(`/demo/${door}`, contentOf(door, 2, SMALL)), `${door}, full`).rejects.toThrow()
  }
  await rm(filler)
  await eachDoor(server, async ({ door, put }) => {
    await expectVersion(join(server.files, 'demo'), door, 1)
    await put(`/demo/${door}`, contentOf(door, 3, SMALL))
    await expectVersion(join(server.files, 'demo'), door, 3)
  })
  for (const writer of writers) writer.close()
  await server.cli('audit', 'verify')
})
