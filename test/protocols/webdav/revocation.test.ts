import { once } from 'node:events'
import { readdir, writeFile } from 'node:fs/promises'
import { type ClientRequest, request } from 'node:http'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { basic, type DavWorld, startDavWorld, until } from './client.ts'

let started: DavWorld

beforeAll(async () => {
  started = await startDavWorld()
})
afterAll(() => started[Symbol.asyncDispose]())

async function begin(method: string, path: string, headers: Record<string, string> = {}) {
  const key = await started.world.issue()
  const sending: ClientRequest = request({
    port: started.dav.port,
    host: '127.0.0.1',
    method,
    path,
    headers: { authorization: basic(`${key.login}:${key.value}`), ...headers },
    agent: false,
  })
  const closed = new Promise((resolve) => sending.on('close', resolve))
  sending.on('error', () => {})
  return { key, sending, closed }
}

const stagedFiles = async () =>
  (await readdir(started.world.root, { recursive: true, withFileTypes: true })).filter((e) => e.isFile())
    .length

describe('a key that is disabled', () => {
  it('cuts its upload, which leaves nothing (R1)', async () => {
    const before = await stagedFiles()
    const { key, sending, closed } = await begin('PUT', '/cut', { 'content-length': '3000000' })
    sending.write(Buffer.alloc(1_500_000))
    await until(async () => (await stagedFiles()) > before)
    await started.world.disable(key.id)
    await closed
    await until(async () => (await stagedFiles()) === before)
    expect((await started.dav('GET', '/cut')).status).toBe(404)
  })

  it('cuts its download (R1)', async () => {
    await writeFile(join(started.world.root, 'large'), Buffer.alloc(64 * 1024 * 1024))
    const { key, sending } = await begin('GET', '/large')
    sending.end()
    const [response] = await once(sending, 'response')
    response.on('error', () => {})
    await once(response, 'readable')
    await started.world.disable(key.id)
    const reading = (async () => {
      for await (const _ of response);
    })()
    await expect(reading).rejects.toThrow('aborted')
  })

  it('is challenged like a wrong one from then on', async () => {
    const key = await started.world.issue()
    const login = `${key.login}:${key.value}`
    expect((await started.dav('OPTIONS', '/', { login })).status).toBe(200)
    await started.world.disable(key.id)
    const disabled = await started.dav('OPTIONS', '/', { login })
    const wrong = await started.dav('OPTIONS', '/', { login: `${key.login}:wrong` })
    expect(disabled.status).toBe(401)
    expect(disabled.text).toBe(wrong.text)
  })
})
