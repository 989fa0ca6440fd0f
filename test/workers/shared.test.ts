import { randomBytes } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import ssh2 from 'ssh2'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Server, startServer } from '../clients/server.ts'
import { download, loginRaw, type RawClient, upload } from '../protocols/ftp/raw-client.ts'
import { basic, oneToEach, type Pinned, pin, workerOf } from './clients.ts'

type Key = { readonly id: string; readonly login: string; readonly value: string }

let server: Server
let pins: Pinned[]
let metrics: string

beforeAll(async () => {
  server = await startServer({ workers: 2, config: 'metrics: { listen: [{ port: 0 }] }\nlog_level: info\n' })
  pins = await oneToEach(server, server.demo.webdav, basic(server.demo))
}, 60_000)
afterAll(async () => {
  for (const one of pins) one[Symbol.dispose]()
  await server[Symbol.asyncDispose]()
})

/** Asks the API with the site's key. */
async function api<Answer>(method: string, path: string, body?: object): Promise<Answer> {
  const headers = { authorization: `Bearer ${server.demo.site_key}`, 'content-type': 'application/json' }
  const answer = await fetch(`${server.demo.rest}/api/v1${path}`, {
    method,
    headers: body === undefined ? { authorization: headers.authorization } : headers,
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`)
  return answer.status === 204 ? JSON.parse('null') : JSON.parse(await answer.text())
}

function issue(name: string, more: object = {}): Promise<Key> {
  return api('POST', '/keys', { name, user: 'demo', ...more })
}

function ftpPort(): number {
  return Number(new URL(server.demo.ftp).port)
}

/** FTP sessions on both workers. */
async function ftpOnEach(key: Pick<Key, 'login' | 'value'>): Promise<RawClient[]> {
  const found = new Map<number, RawClient>()
  while (found.size < 2) {
    const client = await loginRaw(ftpPort(), key)
    const worker = await workerOf(server, ftpPort(), client.socket.localPort ?? 0)
    if (found.has(worker)) client[Symbol.dispose]()
    else found.set(worker, client)
  }
  return [...found.values()]
}

function sftp({
  login,
  value,
}: Pick<Key, 'login' | 'value'>): Promise<{ client: ssh2.Client; over: Promise<void> }> {
  const client = new ssh2.Client()
  const { hostname, port } = new URL(server.demo.sftp)
  return new Promise((resolve, reject) => {
    const over = new Promise<void>((end) => client.once('close', () => end()))
    client.on('error', reject)
    client.on('ready', () => client.sftp((error) => (error ? reject(error) : resolve({ client, over }))))
    client.connect({ host: hostname, port: Number(port), username: login, password: value })
  })
}

describe('two workers are one server', { timeout: 60_000 }, () => {
  test('F1: what was written over one is read over the other at once', async () => {
    const [one, other] = pins
    for (let round = 0; round < 20; round++) {
      const body = `round ${round}`
      expect((await one?.send('PUT', '/demo/shared', { body }))?.status).toBeLessThan(300)
      expect((await other?.send('GET', '/demo/shared'))?.body).toBe(body)
    }
  })

  test('of 20 parallel creations over both exactly one wins, round after round', async () => {
    const authorization = basic(server.demo)
    const all = await Promise.all(
      Array.from({ length: 20 }, () => pin(server, server.demo.webdav, authorization)),
    )
    expect(new Set(all.map(({ worker }) => worker)).size).toBe(2)
    for (let round = 0; round < 15; round++) {
      const path = `/demo/once-${round}`
      const answers = await Promise.all(
        all.map((one, index) =>
          one.send('PUT', path, { headers: { 'if-none-match': '*' }, body: `by ${index}` }),
        ),
      )
      const statuses = answers.map(({ status }) => status)
      expect(statuses.filter((status) => status === 201)).toHaveLength(1)
      expect(statuses.filter((status) => status === 412)).toHaveLength(19)
      expect((await pins[0]?.send('GET', path))?.body).toBe(`by ${statuses.indexOf(201)}`)
    }
    for (const one of all) one[Symbol.dispose]()
  })

  test('of 20 parallel replacements of one version exactly one wins', async () => {
    const authorization = basic(server.demo)
    const all = await Promise.all(
      Array.from({ length: 20 }, () => pin(server, server.demo.webdav, authorization)),
    )
    for (let round = 0; round < 10; round++) {
      await pins[0]?.send('PUT', '/demo/replaced', { body: randomBytes(9) })
      const etag = (await pins[1]?.send('HEAD', '/demo/replaced'))?.headers.etag ?? ''
      const answers = await Promise.all(
        all.map((one) => one.send('PUT', '/demo/replaced', { headers: { 'if-match': etag }, body: 'x' })),
      )
      expect(answers.map(({ status }) => status).filter((status) => status < 300)).toHaveLength(1)
    }
    for (const one of all) one[Symbol.dispose]()
  })

  test('a lock that was taken over one binds the other', async () => {
    const [one, other] = pins
    await one?.send('PUT', '/demo/locked', { body: 'before' })
    const lock = await one?.send('LOCK', '/demo/locked', {
      headers: { timeout: 'Second-60' },
      body: '<lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope><locktype><write/></locktype></lockinfo>',
    })
    expect(lock?.status).toBe(200)
    expect((await other?.send('PUT', '/demo/locked', { body: 'after' }))?.status).toBe(423)
    const token = String(lock?.headers['lock-token'])
    expect((await other?.send('UNLOCK', '/demo/locked', { headers: { 'lock-token': token } }))?.status).toBe(
      204,
    )
    expect((await other?.send('PUT', '/demo/locked', { body: 'after' }))?.status).toBe(204)
  })

  test('S4: an upload-only key replaces over one what it uploaded over the other, and nothing else', async () => {
    const key = await issue('inbox', { scopes: ['upload_only'] })
    const each = await oneToEach(server, server.demo.webdav, basic(key))
    const [one, other] = each
    expect((await one?.send('PUT', '/demo/inbox', { body: 'first' }))?.status).toBeLessThan(300)
    expect((await other?.send('PUT', '/demo/inbox', { body: 'second' }))?.status).toBeLessThan(300)
    expect((await one?.send('PUT', '/demo/inbox', { body: 'third' }))?.status).toBeLessThan(300)
    expect((await one?.send('PUT', '/demo/shared', { body: 'not mine' }))?.status).toBe(403)
    for (const pinned of each) pinned[Symbol.dispose]()
  })

  test('FTP: both take and give files over passive connections of their own', async () => {
    const clients = await ftpOnEach(server.demo)
    const bytes = randomBytes(300_000)
    await Promise.all(
      clients.map(async (client, index) => {
        for (let round = 0; round < 5; round++) {
          expect(await upload(client, `STOR /demo/ftp-${index}`, bytes)).toMatch(/^226/)
          expect((await download(client, `RETR /demo/ftp-${index}`)).equals(bytes)).toBe(true)
        }
      }),
    )
    for (const client of clients) client[Symbol.dispose]()
  })

  test('FTP: an upload that lost its connection in one goes on in the other, and never into the old file', async () => {
    const [one, other] = await ftpOnEach(server.demo)
    if (one === undefined || other === undefined) throw new Error('no clients')
    const old = Buffer.alloc(2_000_000, 'o')
    const next = randomBytes(3_000_000)
    expect(await upload(one, 'STOR /demo/resumed', old)).toMatch(/^226/)
    expect(await other.command('SIZE /demo/resumed')).toBe('213 2000000')
    const data = await one.openData()
    await one.command('STOR /demo/resumed')
    data.write(next.subarray(0, 1_000_000))
    await sleep(200)
    one.socket.destroy()
    data.destroy()
    await sleep(300)
    const size = Number(/^213 (\d+)/.exec(await other.command('SIZE /demo/resumed'))?.[1])
    expect(size).toBe(1_000_000)
    await other.command(`REST ${size}`)
    expect(await upload(other, 'STOR /demo/resumed', next.subarray(size))).toMatch(/^226/)
    expect((await readFile(join(server.files, 'demo/resumed'))).equals(next)).toBe(true)
    other[Symbol.dispose]()
  })

  test('what the API changed holds in all of them when it answers', async () => {
    for (let round = 0; round < 5; round++) {
      const key = await issue(`short-${round}`)
      const each = await oneToEach(server, server.demo.webdav, basic(key))
      for (const one of each) expect((await one.send('GET', '/demo/shared')).status).toBe(200)
      await api('POST', `/keys/${key.id}/disable`)
      for (const one of each) {
        expect((await one.send('GET', '/demo/shared').catch(() => ({ status: 401 }))).status).toBe(401)
        one[Symbol.dispose]()
      }
    }
  })

  test('R1: a key that the command line disabled is dead at every door of both within a second', async () => {
    const key = await issue('doomed')
    const each = await oneToEach(server, server.demo.webdav, basic(key))
    const ftp = await ftpOnEach(key)
    const ssh = await Promise.all([sftp(key), sftp(key), sftp(key), sftp(key)])
    await server.cli('key', 'disable', key.id)
    const late = sleep(1_000).then(() => 'late')
    const cut = Promise.all([...ftp.map(({ closed }) => closed), ...ssh.map(({ over }) => over)])
    expect(await Promise.race([cut.then(() => 'cut'), late])).toBe('cut')
    for (const one of each) {
      expect((await one.send('GET', '/demo/shared').catch(() => ({ status: 401 }))).status).toBe(401)
      one[Symbol.dispose]()
    }
    await expect(sftp(key)).rejects.toThrow()
    await expect(loginRaw(ftpPort(), key)).rejects.toThrow()
  })

  test('R4: sessions of both are listed, and any can be ended', async () => {
    const ssh = await Promise.all([sftp(server.demo), sftp(server.demo)])
    type Listed = readonly { readonly id: string; readonly door: string }[]
    let listed: Listed = []
    while (listed.length < 2) {
      await sleep(200)
      const { sessions } = await api<{ sessions: Listed }>('GET', '/sessions')
      listed = sessions.filter(({ door }) => door === 'sftp')
    }
    for (const { id } of listed) await api('DELETE', `/sessions/${id}`)
    await Promise.all(ssh.map(({ over }) => over))
  })

  test('O4: metrics are the sum of all processes', async () => {
    const ended = async () => {
      const text = await (await fetch(await metricsUrl())).text()
      return Number(/latchkey_sessions_ended_total\{door="webdav"\} (\d+)/.exec(text)?.[1])
    }
    const before = await ended()
    for (const one of pins) for (let count = 0; count < 7; count++) await one.send('GET', '/demo/shared')
    expect((await ended()) - before).toBe(14)
  })

  test('R2: guesses over one hold back guesses over the other', async () => {
    const guess = basic({ login: 'admin', value: 'not-the-password' })
    const [one, other] = await oneToEach(server, server.demo.webdav, guess)
    for (let count = 0; count < 14; count++) await one?.send('GET', '/demo/')
    let status = 0
    for (let tries = 0; status !== 429 && tries < 15; tries++) {
      await sleep(200)
      status = (await other?.send('GET', '/demo/'))?.status ?? 0
    }
    expect(status).toBe(429)
    for (const pinned of [one, other]) pinned?.[Symbol.dispose]()
  })

  test('R3: the audit is whole', async () => {
    await server.cli('audit', 'verify')
  })

  test('F2: nothing is left in staging', async () => {
    const staging = join(server.files, '.latchkey/staging')
    for (const folder of await readdir(staging)) expect(await readdir(join(staging, folder))).toEqual([])
  })
})

/** Where the metrics are: the log says it. */
async function metricsUrl(): Promise<string> {
  metrics ??= server.logged().match(/"port":(\d+),"msg":"metrics can be read"/)?.[1] ?? ''
  return `http://127.0.0.1:${metrics}/metrics`
}
