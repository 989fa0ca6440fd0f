import { mkdir, readdir, readFile, stat } from 'node:fs/promises'
import { request } from 'node:http'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { LEVELS } from '#permissions/grants.ts'
import type { WorldKey } from '#test/world.ts'
import { errorShape, type Rest, startRest } from './client.ts'

/* tus 1.0.0: https://tus.io/protocols/resumable-upload */

const UPLOADS = '/api/v1/uploads'
const TUS = { 'tus-resumable': '1.0.0' }
const BYTES = { 'content-type': 'application/offset+octet-stream' }

let rest: Rest
let owner: WorldKey
let other: WorldKey
beforeAll(async () => {
  rest = await startRest()
  const grants = [{ path: '/team', rights: LEVELS.get('full') ?? 0 }]
  owner = await rest.world.issue({ role: 'member', user: 'mia', name: 'owner', grants })
  other = await rest.world.issue({ role: 'member', user: 'mia', name: 'other' })
  await mkdir(join(rest.world.root, 'team'))
})
afterAll(() => rest[Symbol.asyncDispose]())

const base64 = (text: string) => Buffer.from(text).toString('base64')
const onDisk = (path: string) => readFile(join(rest.world.root, path), 'utf8')

type More = { key?: string; headers?: Record<string, string>; body?: string }

function start(path: string, length: number, { key = owner.value, headers = {}, body }: More = {}) {
  const described = { 'upload-length': String(length), 'upload-metadata': `path ${base64(path)}` }
  const sent = { ...TUS, ...described, ...headers }
  return rest.call(UPLOADS, { method: 'POST', key, headers: sent, ...(body !== undefined && { body }) })
}

async function started(path: string, length: number, more: More = {}): Promise<string> {
  const answer = await start(path, length, more)
  expect(answer.status, answer.text).toBe(201)
  return answer.headers.get('location') ?? ''
}

const append = (address: string, offset: number, body: string, key = owner.value) =>
  rest.call(address, {
    method: 'PATCH',
    key,
    body,
    headers: { ...TUS, ...BYTES, 'upload-offset': String(offset) },
  })
const look = (address: string, key = owner.value) => rest.call(address, { method: 'HEAD', key, headers: TUS })
const drop = (address: string, key = owner.value) =>
  rest.call(address, { method: 'DELETE', key, headers: TUS })
const offsetOf = async (address: string) => (await look(address)).headers.get('upload-offset')

async function staged(): Promise<number> {
  const folder = join(rest.world.root, '.latchkey/staging')
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  return entries.filter((entry) => entry.isFile()).length
}

describe('F2: an upload in parts', () => {
  test('is visible with its last byte, and not before', async () => {
    const address = await started('/team/parts.txt', 10)
    expect(await append(address, 0, 'hello')).toMatchObject({ status: 204 })
    await expect(stat(join(rest.world.root, 'team/parts.txt'))).rejects.toThrow('ENOENT')
    const found = await look(address)
    expect(found.status).toBe(200)
    expect(found.headers.get('upload-offset')).toBe('5')
    expect(found.headers.get('upload-length')).toBe('10')
    expect(found.headers.get('cache-control')).toBe('no-store')
    expect(found.headers.get('upload-metadata')).toBe(`path ${base64('/team/parts.txt')}`)
    const last = await append(address, 5, 'world')
    expect(last.headers.get('upload-offset')).toBe('10')
    expect(last.headers.get('etag')).toMatch(/^"[0-9a-f]{32}"$/)
    expect(await onDisk('team/parts.txt')).toBe('helloworld')
    expect((await look(address)).status).toBe(404)
    expect(await staged()).toBe(0)
  })

  test('can begin with bytes, be empty, keep a time and be named by folder and filename', async () => {
    const headers = {
      ...BYTES,
      'upload-metadata': `filename ${base64('späß.txt')},modified_at ${base64('2020-01-01')}`,
    }
    const all = { ...TUS, ...headers, 'upload-length': '3' }
    const made = await rest.call(`${UPLOADS}?folder=/team`, {
      method: 'POST',
      key: owner.value,
      headers: all,
      body: 'abc',
    })
    expect(made).toMatchObject({ status: 201 })
    expect(made.headers.get('upload-offset')).toBe('3')
    expect((await stat(join(rest.world.root, 'team/späß.txt'))).mtime.toISOString()).toBe(
      '2020-01-01T00:00:00.000Z',
    )
    await started('/team/empty', 0)
    expect(await onDisk('team/empty')).toBe('')
  })

  test('another offset is 409, too many bytes are 413, and nothing is harmed', async () => {
    const address = await started('/team/strict.txt', 4)
    expect(await append(address, 2, 'xx')).toMatchObject({ status: 409, json: errorShape('exists') })
    expect((await append(address, 0, 'too long')).status).toBe(413)
    expect(await offsetOf(address)).toBe('0')
    expect((await append(address, 0, 'fits')).status).toBe(204)
    expect(await onDisk('team/strict.txt')).toBe('fits')
  })

  test('goes on where a broken connection left it', async () => {
    const address = await started('/team/broken.bin', 2_000_000)
    const broken = request({
      port: rest.port,
      path: address,
      method: 'PATCH',
      headers: {
        ...{ ...TUS, ...BYTES, 'upload-offset': '0', 'content-length': 2_000_000 },
        authorization: `Bearer ${owner.value}`,
      },
    })
    broken.on('error', () => undefined)
    broken.write(Buffer.alloc(1_500_000, 'a'))
    const arrived = async () => Number(await offsetOf(address))
    await new Promise((resolve) => setTimeout(resolve, 300))
    // Without waiting for the server to notice: the new request ends the old one.
    const offset = await arrived()
    broken.destroy()
    expect(offset).toBeGreaterThan(0)
    expect(offset % 1).toBe(0)
    const rest_ = 'b'.repeat(2_000_000 - offset)
    expect((await append(address, offset, rest_)).status).toBe(204)
    const text = await onDisk('team/broken.bin')
    expect(text).toHaveLength(2_000_000)
    expect(text).toBe('a'.repeat(offset) + rest_)
  }, 30_000)

  test('termination drops it, expiry drops it, and If-None-Match guards what is there', async () => {
    const dropped = await started('/team/dropped', 5)
    expect((await drop(dropped)).status).toBe(204)
    expect((await look(dropped)).status).toBe(404)
    const late = await started('/team/late', 5)
    rest.world.clock.advance(24 * 3_600_000)
    expect((await append(late, 0, 'late!')).status).toBe(404)
    await drop(late)
    const guard = { headers: { 'if-none-match': '*' } }
    const address = await started('/team/guarded', 3, guard)
    await rest.call('/api/v1/files/team/guarded', { method: 'PUT', key: owner.value, body: 'first' })
    expect((await append(address, 0, 'new')).status).toBe(412)
    expect(await onDisk('team/guarded')).toBe('first')
    expect((await start('/team/guarded', 3, guard)).status).toBe(412)
  })
})

describe('who may', () => {
  test('another key does not see it, not even of the same user', async () => {
    const address = await started('/team/mine', 5)
    expect((await look(address, other.value)).status).toBe(404)
    expect((await append(address, 0, 'steal', other.value)).status).toBe(404)
    expect((await drop(address, other.value)).status).toBe(404)
    expect((await drop(address)).status).toBe(204)
  })

  test('where the key may not write, nothing starts', async () => {
    expect((await start('/elsewhere', 5)).status).toBe(404)
    expect((await start('/team/none/x', 5)).status).toBe(409)
    expect((await rest.call(UPLOADS, { method: 'POST', headers: TUS })).status).toBe(401)
  })

  test('R1: with its key the staged bytes are gone, although nobody is connected', async () => {
    const key = await rest.world.issue({ role: 'member', user: 'mia', name: 'doomed' })
    const address = await started('/team/doomed', 10, { key: key.value })
    await append(address, 0, 'half', key.value)
    expect(await staged()).toBe(1)
    await rest.world.disable(key.id)
    await expect.poll(staged, { timeout: 10_000 }).toBe(0)
    expect((await look(address, key.value)).status).toBe(401)
  })
})

describe('the protocol', () => {
  test('OPTIONS tells anybody what the server can do', async () => {
    const { status, headers } = await rest.call(UPLOADS, { method: 'OPTIONS' })
    expect(status).toBe(204)
    expect(headers.get('tus-version')).toBe('1.0.0')
    expect(headers.get('tus-extension')).toContain('creation')
    expect(headers.get('tus-max-size')).toMatch(/^\d+$/)
  })

  test('another version is 412, and told which one there is', async () => {
    const answer = await start('/team/x', 1, { headers: { 'tus-resumable': '0.2.2' } })
    expect(answer.status).toBe(412)
    expect(answer.headers.get('tus-version')).toBe('1.0.0')
  })

  test('POST stands for PATCH and DELETE where a header says so', async () => {
    const address = await started('/team/override', 2)
    const headers = { ...TUS, ...BYTES, 'upload-offset': '0', 'x-http-method-override': 'PATCH' }
    expect((await rest.call(address, { method: 'POST', key: owner.value, headers, body: 'ok' })).status).toBe(
      204,
    )
    expect(await onDisk('team/override')).toBe('ok')
  })

  test.each([
    ['no length', { 'upload-length': '' }],
    ['no path', { 'upload-metadata': 'name eA==' }],
    ['a path with dots', { 'upload-metadata': `path ${base64('/team/../x')}` }],
    ['metadata that cannot be read', { 'upload-metadata': 'a b c' }],
  ])('%s: 400', async (_, headers) => {
    expect((await start('/team/x', 1, { headers })).status).toBe(400)
  })
})
