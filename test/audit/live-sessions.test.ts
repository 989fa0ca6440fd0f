import { describe, expect, test } from 'vitest'
import { endLiveSession, listLiveSessions } from '#identity/live-sessions.ts'
import type { Records } from '#records/open.ts'
import { openSqlite } from '#records/open.ts'
import { SEAL } from '#test/audit/log.ts'
import { startWorld, type World, type WorldKey } from '#test/world.ts'

const all = { limit: 100, after: null }

/** The same records in another process, as a command line has them. */
async function beside(world: World): Promise<Records> {
  const records = await openSqlite(`${world.folder.path}/latchkey.db`, { clock: world.clock })
  records.audit.sealWith(SEAL)
  return records
}

async function enter(world: World, key: WorldKey) {
  const at = { door: 'sftp', address: '192.0.2.7', client: 'OpenSSH_9.9' } as const
  const proof = { kind: 'password', login: key.login, password: key.value } as const
  const login = await world.gate.login({ ...at, proof, siteId: null })
  if (!login.ok) throw new Error('refused')
  return world.gate.open(login.principal, at)
}

function listed(records: Records, world: World) {
  return records.liveSessions.list(world.site.id, { ...all, now: world.clock.now() })
}

describe('R4: live sessions', () => {
  test('are seen by another process after a second, with who, where from, since when and what', async () => {
    await using world = await startWorld()
    await using other = await beside(world)
    const key = await world.issue({ user: 'ann' })
    using session = await enter(world, key)
    await world.core.liveSessions.refresh()
    expect(await listed(other, world)).toEqual([])
    world.clock.advance(1_000)
    session.activity.current = '/film.mkv'
    session.activity.bytesOut = 4_096
    await world.core.liveSessions.refresh()
    expect(await listed(other, world)).toEqual([
      {
        id: session.id,
        siteId: world.site.id,
        kind: 'user',
        userId: expect.any(String),
        userName: 'ann',
        keyId: key.id,
        keyName: key.name,
        door: 'sftp',
        address: '192.0.2.7',
        client: 'OpenSSH_9.9',
        startedAt: session.startedAt,
        bytesIn: 0,
        bytesOut: 4_096,
        current: '/film.mkv',
      },
    ])
    session[Symbol.dispose]()
    await world.core.liveSessions.refresh()
    expect(await listed(other, world)).toEqual([])
  })

  test('ended from another process: the signal fires within a second, and the audit says who did it', async () => {
    await using world = await startWorld()
    await using other = await beside(world)
    const session = await enter(world, await world.issue())
    const bystander = await enter(world, await world.issue())
    world.clock.advance(1_000)
    await world.core.liveSessions.refresh()
    const commandLine = {
      ...world.identity,
      audit: other.audit,
      liveSessions: other.liveSessions,
      changed: () => other.changes.poll(),
    }
    const cut = new Promise((resolve) => session.signal.addEventListener('abort', resolve, { once: true }))
    await endLiveSession(commandLine, { kind: 'command_line' }, world.site.id, session.id)
    await cut
    expect(session.signal.reason).toMatchObject({ reason: 'ended' })
    expect(bystander.signal.aborted).toBe(false)
    const [entry] = await other.audit.search({ siteId: world.site.id, action: 'session.end' }, newest)
    expect(entry).toMatchObject({ door: 'command_line', subject: expect.stringContaining(session.id) })
    const left = await listLiveSessions(world.identity, { kind: 'command_line' }, world.site.id, all)
    expect(left.map(({ id }) => id)).toEqual([bystander.id])
  })

  test('of a process that died are not listed, and the next one that tells sweeps them away', async () => {
    await using world = await startWorld()
    await using other = await beside(world)
    const dead = { put: [{ ...LONELY, siteId: world.site.id }], gone: [], now: world.clock.now() }
    expect(await other.liveSessions.publish('dead', dead)).toBe(false)
    expect(await listed(other, world)).toHaveLength(1)
    world.clock.advance(15_000)
    expect(await listed(other, world)).toEqual([])
    await expect(
      endLiveSession(world.identity, { kind: 'command_line' }, world.site.id, LONELY.id),
    ).rejects.toMatchObject({ code: 'not_found' })
    await other.liveSessions.publish('living', { put: [], gone: [], now: world.clock.now() })
    expect(await other.liveSessions.publish('dead', { ...dead, now: world.clock.now() })).toBe(false)
  })

  test('idle ones stay listed, and a process whose rows were swept while it slept tells all again', async () => {
    await using world = await startWorld()
    await using other = await beside(world)
    using session = await enter(world, await world.issue())
    for (let i = 0; i < 6; i++) {
      world.clock.advance(5_000)
      await world.core.liveSessions.refresh()
      expect((await listed(other, world)).map(({ id }) => id)).toEqual([session.id])
    }
    world.clock.advance(60_000)
    await other.liveSessions.publish('other', { put: [], gone: [], now: world.clock.now() })
    await world.core.liveSessions.refresh()
    await world.core.liveSessions.refresh()
    expect((await listed(other, world)).map(({ id }) => id)).toEqual([session.id])
  })

  test('a server that stops takes its sessions with it', async () => {
    await using world = await startWorld()
    await using other = await beside(world)
    await enter(world, await world.issue())
    world.clock.advance(1_000)
    await world.core.liveSessions.refresh()
    expect(await listed(other, world)).toHaveLength(1)
    await world.core.liveSessions[Symbol.asyncDispose]()
    expect(await listed(other, world)).toEqual([])
  })

  test('requests of HTTP doors write nothing', async () => {
    await using world = await startWorld()
    const { port } = await world.start('webdav')
    const { value } = await world.issue()
    const authorization = `Basic ${Buffer.from(`${value}:${value}`).toString('base64')}`
    for (let i = 0; i < 5; i++) {
      const answer = await fetch(`http://127.0.0.1:${port}/`, {
        method: 'PROPFIND',
        headers: { authorization, depth: '0' },
      })
      await answer.text()
      await world.core.liveSessions.refresh()
    }
    await using other = await beside(world)
    expect(await listed(other, world)).toEqual([])
  })
})

const newest = { limit: 10, after: null, order: 'newest' } as const

const LONELY = {
  id: 'lonely',
  kind: 'user',
  userId: 'u',
  userName: 'ann',
  keyId: 'k',
  keyName: 'key',
  door: 'ftp',
  address: '192.0.2.1',
  client: '',
  startedAt: 1,
  bytesIn: 0,
  bytesOut: 0,
  current: null,
} as const
