import { copyFile, mkdir, mkdtemp, readdir, readlink, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Client, clientsFor, type DoorKey } from './doors.ts'
import { program } from './programs.ts'
import { type Server, startServer } from './server.ts'
import { difference, makeBigFile, makeSmallFiles, makeSparseFile } from './trees.ts'

let server: Server
let clients: readonly Client[]
let local: string

// Each client, and the program that must be there for it.
const TOOLS = [
  ['curl (WebDAV)', 'curl'],
  ['rclone (webdav)', 'rclone'],
  ['OpenSSH sftp', 'sshpass'],
  ['rclone (sftp)', 'rclone'],
  ['lftp', 'lftp'],
  ['curl (FTP)', 'curl'],
  ['aws', 'aws'],
  ['rclone (s3)', 'rclone'],
] as const

// curl takes one file at a time.
const TREE_TOOLS = TOOLS.filter(([, tool]) => tool !== 'curl')

/** One test for each client; `%s` in the title is its name. */
function testEach(
  title: string,
  check: (name: string, turn: number) => Promise<void>,
  tools: readonly (readonly [string, string])[] = TOOLS,
): void {
  for (const [turn, [name, tool]] of tools.entries()) {
    test.skipIf(!program(tool))(title.replace('%s', name), () => check(name, turn))
  }
}

beforeAll(async () => {
  server = await startServer()
  local = await mkdtemp(join(tmpdir(), 'latchkey-clients-'))
  clients = await clientsFor(server.demo, server.demo, join(local, 'config'))
  await makeSmallFiles(join(local, 'tree'))
  await makeBigFile(join(local, 'big.bin'), 50)
})

afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await rm(local, { recursive: true, force: true })
})

/** One program for each other door; which one takes turns, so that every program reads. */
function readersFor(writer: Client, turn: number, needsTree: boolean): Client[] {
  return ['webdav', 'sftp', 'ftp', 's3'].flatMap((door) => {
    const able = clients.filter((one) => one.door === door && (!needsTree || one.getTree !== null))
    const reader = able[turn % able.length]
    return reader === undefined || reader.name === writer.name ? [] : [reader]
  })
}

describe('F1: what one door wrote, every other door reads', () => {
  testEach('a file of 50 MiB written by %s', async (name, turn) => {
    const writer = named(clients, name)
    const source = join(local, 'big.bin')
    const remote = `/demo/big from ${name}.bin`
    expect((await writer.putFile(source, remote).done).stderr).not.toMatch(/error|failed/i)
    expect(await difference(source, join(server.files, remote))).toBe('')
    for (const reader of readersFor(writer, turn, false)) {
      if (!program(reader.program)) continue
      const copy = join(local, `copy-${turn}-${reader.door}.bin`)
      await reader.getFile(remote, copy).done
      expect(await difference(source, copy), `read by ${reader.name}`).toBe('')
      await rm(copy)
    }
  })

  testEach(
    '200 small files of odd names written by %s',
    async (name, turn) => {
      const writer = named(clients, name)
      if (writer.putTree === null) throw new Error(`${name} takes no trees`)
      const source = join(local, 'tree')
      const remote = `/demo/tree ${turn}`
      const result = await writer.putTree(source, remote).done
      expect(result.code, result.stderr).toBe(0)
      expect(await difference(source, join(server.files, remote))).toBe('')
      for (const reader of readersFor(writer, turn, true)) {
        if (!program(reader.program) || reader.getTree === null) continue
        const copy = join(local, `tree-${turn}-${reader.door}`)
        const read = await reader.getTree(remote, copy).done
        expect(read.code, `${reader.name}: ${read.stderr}`).toBe(0)
        expect(await difference(source, copy), `read by ${reader.name}`).toBe('')
        await rm(copy, { recursive: true })
      }
    },
    TREE_TOOLS,
  )
})

describe('a key without files.write', () => {
  let readers: readonly Client[]
  beforeAll(async () => {
    readers = await clientsFor(
      await issue('read-only', '--scopes', 'read_only'),
      server.demo,
      join(local, 'ro'),
    )
    await copyFile(join(local, 'config/rclone.conf'), join(server.files, 'demo/readable.txt'))
  })

  testEach('is refused by %s, and nothing is written', async (name, turn) => {
    const reader = named(readers, name)
    const source = join(local, 'config/rclone.conf')
    const target = `/demo/refused-${turn}.txt`
    expect((await reader.putFile(source, target).done).code).not.toBe(0)
    await expect(stat(join(server.files, target))).rejects.toThrow('ENOENT')
    const copy = join(local, `read-${turn}.txt`)
    expect((await reader.getFile('/demo/readable.txt', copy).done).code, 'the same key reads').toBe(0)
    expect(await difference(source, copy)).toBe('')
  })
})

describe('R1: a key disabled by the command line in the middle of a transfer', () => {
  const RATE = 20 * 1024 * 1024
  const GIBIBYTE = 1024 ** 3

  testEach('ends the upload of %s within a second and leaves no partial file', async (name, turn) => {
    const { client, key, folder } = await freshClient(name, `up-${turn}`)
    const source = join(local, 'sparse.bin')
    await makeSparseFile(source, GIBIBYTE)
    const target = `/demo/cut-${turn}.bin`
    const upload = client.putFile(source, target, RATE)
    const hidden = join(server.files, '.latchkey')
    await until(async () => (await bytesIn(hidden)) > 1024 * 1024)
    await server.cli('key', 'disable', key.id)
    const disabled = Date.now()
    await until(async () => (await bytesIn(join(hidden, 'staging'))) === 0)
    expect(Date.now() - disabled).toBeLessThan(1_000)
    const held = await bytesIn(hidden)
    expect((await upload.done).code).not.toBe(0)
    expect(await bytesIn(hidden), 'nothing more was taken').toBe(held)
    await expect(stat(join(server.files, target))).rejects.toThrow('ENOENT')
    await rm(folder, { recursive: true })
  })

  testEach('ends the download of %s within a second', async (name, turn) => {
    const { client, key, folder } = await freshClient(name, `down-${turn}`)
    const huge = join(server.files, 'demo/huge.bin')
    await makeSparseFile(huge, GIBIBYTE)
    const got = join(folder, 'got')
    await mkdir(got)
    const download = client.getFile('/demo/huge.bin', join(got, 'huge.bin'), RATE)
    await until(async () => (await bytesIn(got)) > 1024 * 1024)
    await server.cli('key', 'disable', key.id)
    const disabled = Date.now()
    await until(async () => !(await serverHolds(huge)))
    expect(Date.now() - disabled).toBeLessThan(1_000)
    expect((await download.done).code).not.toBe(0)
    // What had left the server may still arrive from the sockets' buffers; the file is never whole.
    expect(await bytesIn(got)).toBeLessThan(GIBIBYTE)
    await rm(folder, { recursive: true })
  })

  async function freshClient(name: string, keyName: string) {
    const folder = join(local, keyName)
    const key = await issue(keyName)
    return { client: named(await clientsFor(key, server.demo, folder), name), key, folder }
  }
})

function named(list: readonly Client[], name: string): Client {
  const client = list.find((one) => one.name === name)
  if (client === undefined) throw new Error(`no client ${name}`)
  return client
}

function issue(name: string, ...more: string[]): Promise<DoorKey & { id: string }> {
  return server.cli('key', 'create', name, '--user', 'demo', '--s3', ...more)
}

/** True while the server process has the file open. */
async function serverHolds(file: string): Promise<boolean> {
  const folder = `/proc/${server.pid}/fd`
  const targets = await Promise.all(
    (await readdir(folder)).map((name) => readlink(join(folder, name)).catch(() => '')),
  )
  return targets.includes(file)
}

/** Bytes on disk below a folder; holes do not count. */
async function bytesIn(folder: string): Promise<number> {
  let total = 0
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])) {
    if (!entry.isFile()) continue
    const found = await stat(join(entry.parentPath, entry.name)).catch(() => null)
    total += (found?.blocks ?? 0) * 512
  }
  return total
}

function delay(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + 30_000
  while (!(await holds())) {
    if (Date.now() > end) throw new Error('it did not come about in time')
    await delay(10)
  }
}
