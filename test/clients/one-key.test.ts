import { mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Client, clientsFor } from './doors.ts'
import { program } from './programs.ts'
import { run } from './run.ts'
import { type Server, startServer } from './server.ts'
import { difference, makeBigFile, makeSmallFiles } from './trees.ts'

let server: Server
let clients: readonly Client[]
let local: string

const NAMES = [
  'curl (WebDAV)',
  'rclone (webdav)',
  'OpenSSH sftp',
  'rclone (sftp)',
  'lftp',
  'curl (FTP)',
  'aws',
  'rclone (s3)',
]

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

function clientNamed(name: string): Client {
  const client = clients.find((one) => one.name === name)
  if (client === undefined) throw new Error(`no client ${name}`)
  return client
}

/** One program for each other door; which one takes turns, so that every program reads. */
function readersFor(writer: Client, turn: number, needsTree: boolean): Client[] {
  return ['webdav', 'sftp', 'ftp', 's3'].flatMap((door) => {
    const able = clients.filter((one) => one.door === door && (!needsTree || one.getTree !== null))
    const reader = able[turn % able.length]
    return reader === undefined || reader.name === writer.name ? [] : [reader]
  })
}

describe('F1: what one door wrote, every other door reads', () => {
  test.each(NAMES.map((name, turn) => [name, turn] as const))(
    'a file of 50 MiB written by %s',
    async (name, turn) => {
      const writer = clientNamed(name)
      if (!program(writer.program)) return
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
    },
  )

  test.each(NAMES.map((name, turn) => [name, turn] as const))(
    '200 small files of odd names written by %s',
    async (name, turn) => {
      const writer = clientNamed(name)
      if (!program(writer.program) || writer.putTree === null) return
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
  )
})

describe('a key without files.write', () => {
  test.each(NAMES)('is refused by %s, and nothing is written', async (name) => {
    const reader = await readOnlyClient(name)
    if (!program(reader.program)) return
    const source = join(local, 'config/rclone.conf')
    const target = `/demo/refused-${NAMES.indexOf(name)}.txt`
    expect((await reader.putFile(source, target).done).code).not.toBe(0)
    await expect(stat(join(server.files, target))).rejects.toThrow('ENOENT')
    // The same key reads.
    const copy = join(local, 'read.txt')
    expect((await reader.getFile('/demo/readable.txt', copy).done).code).toBe(0)
    expect(await difference(join(server.files, 'demo/readable.txt'), copy)).toBe('')
  })
})

let readOnly: readonly Client[] | undefined

async function readOnlyClient(name: string): Promise<Client> {
  if (readOnly === undefined) {
    const key = await issue('read-only', ['--scopes', 'read_only'])
    readOnly = await clientsFor(key, server.demo, join(local, 'read-only'))
    await run('cp', [join(local, 'tree/dir 0/plain 0.txt'), join(server.files, 'demo/readable.txt')])
    await run('cp', [join(local, 'config/rclone.conf'), join(server.files, 'demo/readable.txt')])
  }
  const client = readOnly.find((one) => one.name === name)
  if (client === undefined) throw new Error(`no client ${name}`)
  return client
}

async function issue(name: string, more: readonly string[] = []) {
  const made = await server.cli('key', 'create', name, '--user', 'demo', '--s3', ...more)
  return made as unknown as {
    login: string
    value: string
    access_key_id: string
    secret_access_key: string
    id: string
  }
}

describe('R1: a key disabled by the command line in the middle of a transfer', () => {
  const RATE = 20 * 1024 * 1024

  test.each(NAMES)('ends the upload of %s within a second and leaves nothing', async (name) => {
    const key = await issue(`up-${NAMES.indexOf(name)}`)
    const folder = join(local, `cut-${NAMES.indexOf(name)}`)
    const client = (await clientsFor(key, server.demo, folder)).find((one) => one.name === name)
    if (client === undefined || !program(client.program)) return
    const source = join(local, 'sparse.bin')
    await run('truncate', ['-s', '1G', source])
    const target = `/demo/cut-${NAMES.indexOf(name)}.bin`
    const upload = client.putFile(source, target, RATE)
    await until(async () => (await stagedBytes()) > 1024 * 1024)
    await server.cli('key', 'disable', key.id)
    const disabled = Date.now()
    await until(async () => (await stagedBytes()) === 0, 5_000)
    expect(Date.now() - disabled).toBeLessThan(1_000)
    const { code } = await upload.done
    expect(code).not.toBe(0)
    await expect(stat(join(server.files, target))).rejects.toThrow('ENOENT')
  })

  test.each(NAMES)('ends the download of %s within a second', async (name) => {
    const key = await issue(`down-${NAMES.indexOf(name)}`)
    const folder = join(local, `cutdown-${NAMES.indexOf(name)}`)
    const client = (await clientsFor(key, server.demo, folder)).find((one) => one.name === name)
    if (client === undefined || !program(client.program)) return
    await run('truncate', ['-s', '1G', join(server.files, 'demo/huge.bin')])
    await mkdir(join(folder, 'got'))
    const download = client.getFile('/demo/huge.bin', join(folder, 'got/huge.bin'), RATE)
    await until(async () => (await bytesIn(join(folder, 'got'))) > 1024 * 1024)
    await server.cli('key', 'disable', key.id)
    const before = await bytesIn(join(folder, 'got'))
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    const { code } = await download.done
    expect(code).not.toBe(0)
    // What was on its way may still arrive; the file goes no further.
    expect(before).toBeLessThan(1024 ** 3)
    await rm(folder, { recursive: true })
  })

  async function stagedBytes(): Promise<number> {
    return bytesIn(join(server.files, '.latchkey'))
  }
})

async function bytesIn(folder: string): Promise<number> {
  let total = 0
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])) {
    if (!entry.isFile()) continue
    total += (await stat(join(entry.parentPath, entry.name)).catch(() => null))?.size ?? 0
  }
  return total
}

async function until(holds: () => Promise<boolean>, timeout = 30_000): Promise<void> {
  const end = Date.now() + timeout
  while (!(await holds())) {
    if (Date.now() > end) throw new Error('it did not come about in time')
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
