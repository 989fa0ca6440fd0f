import { connect } from 'node:net'
import { ListBucketsCommand, S3Client } from '@aws-sdk/client-s3'
import ssh2 from 'ssh2'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newAccessKeyPair, newKeyValue } from '#credentials/values.ts'
import type { DoorName } from '#permissions/conditions.ts'
import { startWorld, type World, type WorldKey } from './world.ts'

const DOORS = ['webdav', 'rest', 's3', 'ftp', 'sftp'] as const

/** What a client sees of a login: everything that could differ, without times and request ids. */
type Seen = string

let world: World
const ports = new Map<DoorName, number>()
const otherSitePorts = new Map<DoorName, number>()
let good: WorldKey
let refused: ReadonlyMap<string, WorldKey>

beforeAll(async () => {
  world = await startWorld()
  const other = await world.addSite('other')
  for (const door of DOORS) {
    ports.set(door, (await world.start(door, { siteId: world.site.id })).port)
    otherSitePorts.set(door, (await world.start(door, { siteId: other.id })).port)
  }
  good = await world.issue({ name: 'good' })
  const expired = await world.issue({ name: 'expired', expiresAt: world.clock.now() + 1_000 })
  const disabled = await world.issue({ name: 'disabled' })
  await world.disable(disabled.id)
  world.clock.advance(2_000)
  const unknownId = 'nobody00'
  refused = new Map([
    ['expired', expired],
    ['disabled', disabled],
    [
      'unknown',
      {
        ...good,
        ...newAccessKeyPair(),
        id: unknownId,
        login: `@api-${unknownId}`,
        value: newKeyValue(unknownId),
      },
    ],
    ['wrong', { ...good, value: newKeyValue(good.id), secretAccessKey: newAccessKeyPair().secretAccessKey }],
    ['other site', await world.issue({ name: 'elsewhere', site: 'other' })],
  ])
})

afterAll(() => world[Symbol.asyncDispose]())

type Knock = (port: number, key: WorldKey) => Promise<Seen>

async function knockHttp(url: string, headers: Record<string, string>, method = 'GET'): Promise<Seen> {
  const response = await fetch(url, { method, headers })
  const body = await response.text()
  if (response.ok) return `in ${response.status}`
  const shown = [...response.headers].filter(
    ([name]) => !/^(date|x-.*request-id|x-amz-id-2|content-length)$/.test(name),
  )
  return JSON.stringify([response.status, shown, withoutIds(body)])
}

function withoutIds(body: string): string {
  return body
    .replace(/<(RequestId|HostId)>[^<]*</g, '<$1><')
    .replace(/"request_id":\s*"[^"]*"/g, '"request_id":""')
}

const KNOCKS: Readonly<Record<DoorName, Knock>> = {
  webdav: (port, { login, value }) =>
    knockHttp(
      `http://127.0.0.1:${port}/`,
      { authorization: `Basic ${Buffer.from(`${login}:${value}`).toString('base64')}`, depth: '0' },
      'PROPFIND',
    ),
  rest: (port, { value }) =>
    knockHttp(`http://127.0.0.1:${port}/api/test/api-key`, { authorization: `Bearer ${value}` }),
  s3: knockS3,
  ftp: knockFtp,
  sftp: knockSftp,
}

async function knockS3(port: number, { accessKeyId, secretAccessKey }: WorldKey): Promise<Seen> {
  const client = new S3Client({
    endpoint: `http://127.0.0.1:${port}`,
    region: 'local',
    maxAttempts: 1,
    credentials: { accessKeyId, secretAccessKey },
    // Requests are signed with the machine's clock; the world's is ahead by what the test advanced.
    systemClockOffset: world.clock.now() - Date.now(),
  })
  try {
    await client.send(new ListBucketsCommand({}))
    return 'in'
  } catch (error) {
    if (!(error instanceof Error)) throw error
    return `${error.name}: ${error.message}`
  } finally {
    client.destroy()
  }
}

function knockFtp(port: number, { login, value }: WorldKey): Promise<Seen> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    let seen = ''
    const words = [`USER ${login}`, `PASS ${value}`, 'QUIT']
    socket.on('data', (chunk: Buffer) => {
      const text = chunk.toString()
      seen += text
      const word = words.shift()
      if (word !== undefined) socket.write(`${word}\r\n`)
    })
    socket.on('error', reject)
    socket.on('close', () => resolve(/^230/m.test(seen) ? 'in' : seen))
  })
}

function knockSftp(port: number, { login, value }: WorldKey): Promise<Seen> {
  return new Promise((resolve) => {
    const client = new ssh2.Client()
    client.on('ready', () => {
      client.end()
      resolve('in')
    })
    client.on('error', (error) => resolve(`${error.level}: ${error.message}`))
    client.connect({ host: '127.0.0.1', port, username: login, password: value })
  })
}

describe.each(DOORS)('R2: %s', (door) => {
  const knock = KNOCKS[door]

  test('lets the right key in', async () => {
    expect(await knock(ports.get(door) ?? 0, good)).toMatch(/^in/)
  })

  test('answers wrong, unknown, other site’s, expired and disabled keys alike', async () => {
    const seen = new Map<string, Seen>()
    for (const [cause, key] of refused) seen.set(cause, await knock(ports.get(door) ?? 0, key))
    expect(new Set(seen.values()).size, JSON.stringify([...seen], null, 1)).toBe(1)
    expect([...seen.values()][0]).not.toMatch(/^in/)
  })

  test('U5: refuses a good key at another site’s listener as it refuses a wrong one', async () => {
    const wrong = refused.get('wrong') ?? good
    const elsewhere = await knock(otherSitePorts.get(door) ?? 0, good)
    expect(elsewhere).not.toMatch(/^in/)
    expect(elsewhere).toBe(await knock(otherSitePorts.get(door) ?? 0, wrong))
  })

  test('the audit has the true reason of each', async () => {
    for (const key of refused.values()) await knock(ports.get(door) ?? 0, key)
    await world.core.audit.flush()
    const reasons = await refusalReasons(door)
    for (const reason of ['key_expired', 'key_disabled', 'unknown', 'wrong_value', 'other_site']) {
      expect(reasons, `${door} ${reason}`).toContain(reason)
    }
  })
})

async function refusalReasons(door: DoorName): Promise<string[]> {
  const Database = (await import('better-sqlite3')).default
  const database = new Database(`${world.folder.path}/latchkey.db`, { readonly: true })
  try {
    const rows = database.prepare("select reason from audit where action = 'login' and door = ?").all(door)
    return rows.flatMap((row) => (hasReason(row) ? [row.reason] : []))
  } finally {
    database.close()
  }
}

function hasReason(row: unknown): row is { reason: string } {
  return typeof row === 'object' && row !== null && 'reason' in row && typeof row.reason === 'string'
}
