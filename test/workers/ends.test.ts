import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { latchkey, type Server, startServer } from '../clients/server.ts'
import { basic, oneToEach, pin, workerOf } from './clients.ts'

const PATIENCE = { timeout: 120_000 }

/** An upload that sends its first half now and the rest when it is asked to. */
async function halfWay(server: Server, path: string, body: Buffer) {
  const { webdav } = server.demo
  const headers = { authorization: basic(server.demo), 'content-length': body.length }
  const asking = request(`${webdav}${path}`, { method: 'PUT', headers, agent: false })
  const status = new Promise<number>((resolve) => {
    asking.on('response', (response) => resolve(response.resume().statusCode ?? 0))
    asking.on('error', () => resolve(0))
  })
  const half = body.length / 2
  await new Promise<void>((resolve) => asking.write(body.subarray(0, half), () => resolve()))
  await sleep(100)
  const worker = await workerOf(server, Number(new URL(webdav).port), asking.socket?.localPort ?? 0)
  return { worker, status, finish: () => void asking.end(body.subarray(half)) }
}

/** Two uploads at least, as many as it takes until each of two workers has one: the busier gets fewer connections. */
async function halfWayOnBoth(server: Server, name: string, body: Buffer) {
  const uploads = [await halfWay(server, `${name}-0`, body)]
  do uploads.push(await halfWay(server, `${name}-${uploads.length}`, body))
  while (uploads.every(({ worker }) => worker === uploads[0]?.worker))
  return uploads
}

async function untilTrue(check: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await check())) await sleep(50)
}

describe('the end of processes', () => {
  test(
    'kill -9 of a worker harms nobody else, leaves nothing, and another takes its place',
    PATIENCE,
    async () => {
      await using server = await startServer({ workers: 2 })
      const before = await server.workers()
      const body = Buffer.alloc(4_000_000, 'whole')
      const uploads = await halfWayOnBoth(server, '/demo/upload', body)
      const victim = uploads[0]?.worker ?? 0
      const killed = uploads.filter(({ worker }) => worker === victim)
      const others = uploads.filter(({ worker }) => worker !== victim)
      process.kill(victim, 'SIGKILL')
      expect(await Promise.all(killed.map(({ status }) => status))).toEqual(killed.map(() => 0))
      await untilTrue(async () => {
        const now = await server.workers()
        return now.length === 2 && !now.includes(victim)
      })
      for (const { finish } of others) finish()
      expect(await Promise.all(others.map(({ status }) => status))).toEqual(others.map(() => 201))
      const files = await readdir(join(server.files, 'demo'))
      expect(files.filter((name) => name.startsWith('upload-'))).toHaveLength(others.length)
      for (const name of files) {
        if (name.startsWith('upload-'))
          expect((await readFile(join(server.files, 'demo', name))).equals(body)).toBe(true)
      }
      // Both serve again, the new one too; what the dead one staged is gone.
      const each = await oneToEach(server, server.demo.webdav, basic(server.demo))
      for (const one of each) {
        expect((await one.send('PUT', `/demo/after-${one.worker}`, { body: 'after' })).status).toBe(201)
        one[Symbol.dispose]()
      }
      const staging = join(server.files, '.latchkey/staging')
      await untilTrue(async () => (await readdir(staging)).every((name) => !name.startsWith(`${victim}.`)))
      expect((await server.workers()).filter((pid) => before.includes(pid))).toHaveLength(1)
      await untilTrue(
        async () => (await fetch(`${server.demo.rest}/health/live`).catch(() => null))?.ok ?? false,
      )
      await server.cli('audit', 'verify')
    },
  )

  test('paths that a dead worker held are free again', PATIENCE, async () => {
    await using server = await startServer({ workers: 2 })
    const authorization = basic(server.demo)
    for (let round = 0; round < 3; round++) {
      for (const one of await oneToEach(server, server.demo.webdav, authorization)) one[Symbol.dispose]()
      const all = await Promise.all(
        Array.from({ length: 10 }, () => pin(server, server.demo.webdav, authorization)),
      )
      const victim = all[0]?.worker ?? 0
      const writing = all.map(async (one, index) => {
        for (let count = 0; count < 40; count++) {
          const body = `${index} ${count} ${'x'.repeat(20_000)}`
          if ((await one.send('PUT', '/demo/wanted', { body }).catch(() => null)) === null) return one.worker
        }
        return null
      })
      await sleep(30 + 40 * round)
      process.kill(victim, 'SIGKILL')
      const ends = await Promise.all(writing)
      expect(ends.filter((worker) => worker !== null && worker !== victim)).toEqual([])
      for (const one of all) one[Symbol.dispose]()
      expect((await readFile(join(server.files, 'demo/wanted'), 'utf8')).length).toBeGreaterThan(20_000)
      await untilTrue(async () => !(await server.workers()).includes(victim))
    }
  })

  test(
    'kill -9 of the first process ends its workers, and the next start finds the folder free',
    PATIENCE,
    async () => {
      await using server = await startServer({ workers: 2 })
      const { dir } = server
      const workers = await server.workers()
      await server.stop('SIGKILL')
      await using next = await startServer({ dir, workers: 2 })
      expect(workers.filter((pid) => existsSync(`/proc/${pid}`))).toEqual([])
      expect(next.demo.value).toBe(server.demo.value)
      const { code, stderr } = await latchkey(['serve', '--free-ports', '--data', next.data])
      expect([code, stderr]).toEqual([1, expect.stringContaining('another Latchkey server is running')])
    },
  )

  test('SIGTERM lets uploads of all workers finish, then no process is left', PATIENCE, async () => {
    await using server = await startServer({ workers: 2 })
    const workers = await server.workers()
    const body = Buffer.alloc(2_000_000, 'last')
    const uploads = await halfWayOnBoth(server, '/demo/last', body)
    const ended = server.stop('SIGTERM')
    await sleep(200)
    for (const { finish } of uploads) finish()
    expect(await Promise.all(uploads.map(({ status }) => status))).toEqual(uploads.map(() => 201))
    expect(await ended).toBe(0)
    expect(workers.filter((pid) => existsSync(`/proc/${pid}`))).toEqual([])
    expect(await readdir(join(server.files, '.latchkey/staging'))).toEqual([])
  })

  test('what keeps a worker from starting is told once, and nothing is left running', PATIENCE, async () => {
    const dir = await mkdtemp(join(tmpdir(), 'latchkey-workers-'))
    const squatter = createServer().listen(0, '127.0.0.1')
    await once(squatter, 'listening')
    const address = squatter.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    const free = ['webdav', 's3', 'sftp', 'rest'].map((door) => `${door}: { listen: [{ port: 0 }] }\n`)
    const file = join(dir, 'latchkey.yaml')
    await writeFile(file, `workers: 2\n${free.join('')}ftp: { listen: [{ port: ${port} }] }\n`)
    const { code, stderr } = await latchkey(['serve', '--data', join(dir, 'data'), '--config', file])
    squatter.close()
    await rm(dir, { recursive: true })
    expect(code).toBe(1)
    expect(stderr.match(/another program has this port/g)).toHaveLength(1)
    expect(stderr).toContain(`ftp: cannot listen on 127.0.0.1:${port}`)
    expect(stderr).not.toContain('    at ')
  })
})
