import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdtemp, readdir, rm, stat, truncate } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { PROJECT } from '../imports.ts'
import { program } from './programs.ts'
import { run, start, succeed } from './run.ts'
import { type Server, startServer } from './server.ts'
import { difference, makeBigFile, makeSparseFile } from './trees.ts'

const MIB = 1024 * 1024
const TUS = ['-H', 'Tus-Resumable: 1.0.0']

let server: Server
let local: string
let files: string
beforeAll(async () => {
  server = await startServer()
  local = await mkdtemp(join(tmpdir(), 'latchkey-rest-'))
  files = `${server.demo.rest}/api/v1/files`
  await makeBigFile(join(local, 'big.bin'), 200)
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await rm(local, { recursive: true, force: true })
})

const bearer = (value: string) => ['-H', `Authorization: Bearer ${value}`]
const curl = (...args: string[]) => succeed('curl', ['-sS', '--fail', ...bearer(server.demo.value), ...args])

/** Bytes on disk below a folder; holes do not count. */
async function bytesIn(folder: string): Promise<number> {
  let total = 0
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])) {
    if (!entry.isFile()) continue
    total += ((await stat(join(entry.parentPath, entry.name)).catch(() => null))?.blocks ?? 0) * 512
  }
  return total
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 30_000; !(await holds()); ) {
    if (Date.now() > end) throw new Error('it did not come about in time')
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

async function sha256(file: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(file)) hash.update(chunk)
  return hash.digest('base64')
}

describe.skipIf(!program('curl'))('curl on /api/v1/files', () => {
  test('200 MiB up, checked on the way, and down again', async () => {
    const big = join(local, 'big.bin')
    const digest = ['-H', `Repr-Digest: sha-256=:${await sha256(big)}:`]
    const made = JSON.parse(await curl('-T', big, ...digest, `${files}/demo/big.bin`))
    expect(made).toMatchObject({ path: '/demo/big.bin', size: 200 * MIB })
    expect(await difference(big, join(server.files, 'demo/big.bin'))).toBe('')
    await curl('-o', join(local, 'back.bin'), `${files}/demo/big.bin`)
    expect(await difference(big, join(local, 'back.bin'))).toBe('')
  })

  test('a range, and a download that goes on where it stopped', async () => {
    expect(
      (
        await curl('-r', '10-19', '-o', join(local, 'range'), '-w', '%{http_code}', `${files}/demo/big.bin`)
      ).trim(),
    ).toBe('206')
    expect((await stat(join(local, 'range'))).size).toBe(10)
    await truncate(join(local, 'back.bin'), 77 * MIB + 5)
    await curl('-C', '-', '-o', join(local, 'back.bin'), `${files}/demo/big.bin`)
    expect(await difference(join(local, 'big.bin'), join(local, 'back.bin'))).toBe('')
  })

  test('tus: an upload that was cut goes on, and is visible only when it is whole', async () => {
    const path = Buffer.from('/demo/tus.bin').toString('base64')
    const head = await curl(
      '-D',
      '-',
      '-X',
      'POST',
      ...TUS,
      '-H',
      `Upload-Length: ${200 * MIB}`,
      '-H',
      `Upload-Metadata: path ${path}`,
      `${server.demo.rest}/api/v1/uploads`,
    )
    const address = `${server.demo.rest}${/^location: (\S+)/im.exec(head)?.[1]}`
    const patch = (offset: number, from: string) => [
      ...['-sS', '--fail', ...bearer(server.demo.value), '-X', 'PATCH', ...TUS],
      ...[
        '-H',
        `Upload-Offset: ${offset}`,
        '-H',
        'Content-Type: application/offset+octet-stream',
        '-H',
        'Expect:',
      ],
      ...['-T', from, address],
    ]
    const cut = start('curl', ['--limit-rate', '20M', '--max-time', '2', ...patch(0, join(local, 'big.bin'))])
    expect((await cut.done).code).not.toBe(0)
    await expect(stat(join(server.files, 'demo/tus.bin'))).rejects.toThrow('ENOENT')
    const offset = Number(/^upload-offset: (\d+)/im.exec(await curl('-I', ...TUS, address))?.[1])
    expect(offset).toBeGreaterThan(MIB)
    const rest = join(local, 'rest.bin')
    await succeed('sh', ['-c', `tail -c +${offset + 1} "$0" > "$1"`, join(local, 'big.bin'), rest])
    await succeed('curl', patch(offset, rest))
    expect(await difference(join(local, 'big.bin'), join(server.files, 'demo/tus.bin'))).toBe('')
  })
})

describe.skipIf(!program('curl'))('R1: a key disabled in the middle of a transfer', () => {
  const issue = (name: string) =>
    server.cli<{ id: string; value: string }>('key', 'create', name, '--user', 'demo')

  test('ends an upload within a second, and nothing of it is seen', async () => {
    const key = await issue('doomed up')
    const source = join(local, 'sparse.bin')
    await makeSparseFile(source, 1024 * MIB)
    const hidden = join(server.files, '.latchkey/staging')
    const upload = start('curl', [
      '-sS',
      ...bearer(key.value),
      '--limit-rate',
      '20M',
      '-T',
      source,
      `${files}/demo/cut.bin`,
    ])
    await until(async () => (await bytesIn(hidden)) > MIB)
    await server.cli('key', 'disable', key.id)
    const disabled = Date.now()
    await until(async () => (await bytesIn(hidden)) === 0)
    expect(Date.now() - disabled).toBeLessThan(1_000)
    expect((await upload.done).code).not.toBe(0)
    await expect(stat(join(server.files, 'demo/cut.bin'))).rejects.toThrow('ENOENT')
  })

  test('ends a download', async () => {
    const key = await issue('doomed down')
    await makeSparseFile(join(server.files, 'demo/huge.bin'), 1024 * MIB)
    const got = join(local, 'huge.bin')
    const download = start('curl', [
      '-sS',
      ...bearer(key.value),
      '--limit-rate',
      '20M',
      '-o',
      got,
      `${files}/demo/huge.bin`,
    ])
    await until(async () => ((await stat(got).catch(() => null))?.size ?? 0) > MIB)
    await server.cli('key', 'disable', key.id)
    const disabled = Date.now()
    expect((await download.done).code).not.toBe(0)
    expect(Date.now() - disabled).toBeLessThan(3_000)
    expect((await stat(got)).size).toBeLessThan(1024 * MIB)
  })
})

describe('O2: the command line over the API', () => {
  test('makes and lists keys with a site key in the environment', async () => {
    const env = { LATCHKEY_KEY: server.demo.site_key }
    const call = (...words: string[]) =>
      run(process.execPath, [join(PROJECT, 'bin/latchkey.js'), ...words, '--url', server.demo.rest], { env })
    expect((await call('user', 'add', 'remote')).code).toBe(0)
    const made = await call('key', 'create', 'by url', '--user', 'remote', '--json')
    expect(made.code, made.stderr).toBe(0)
    const key: { id: string; value: string } = JSON.parse(made.stdout)
    expect((await call('key', 'list')).stdout).toContain('by url')
    expect((await call('key', 'disable', key.id)).code).toBe(0)
    expect((await run('curl', ['-sS', '--fail', ...bearer(key.value), files])).code).not.toBe(0)
  })
})
