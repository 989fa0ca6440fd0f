import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fileEntry } from '#test/audit/log.ts'
import { openTerminal, type Terminal } from './terminal.ts'

let terminal: Terminal
beforeAll(async () => {
  terminal = await openTerminal()
  const { site, other, clock, records } = terminal.office
  const at = { at: clock.now(), siteId: site.id }
  await records.audit.append([
    fileEntry('/photos/a.jpg', at),
    fileEntry('/photos', { ...at, action: 'folder.create', door: 'webdav' }),
    fileEntry('curl/8', { ...at, action: 'login', outcome: 'refused', reason: 'wrong_value' }),
    fileEntry('/elsewhere', { ...at, siteId: other.id }),
    fileEntry('stranger', { ...at, siteId: null, action: 'login', outcome: 'refused', reason: 'unknown' }),
  ])
})
afterAll(() => terminal[Symbol.asyncDispose]())

const subjects = async (...argv: string[]) => {
  const entries: unknown = await terminal.json('audit', 'list', ...argv)
  return Array.isArray(entries) ? entries.map(({ subject }) => subject) : []
}

describe('R3: audit list', () => {
  test('shows a site’s entries, the newest first, in a table that fits', async () => {
    const { code, out } = await terminal.run('audit', 'list')
    expect(code).toBe(0)
    const lines = out.trimEnd().split('\n')
    expect(lines[0]).toMatch(/^WHEN +ACTION +OUTCOME +WHO/)
    expect(lines[1]).toMatch(/login +wrong_/)
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80)
    expect(out).not.toContain('elsewhere')
  })

  test.each([
    [
      ['--path', '/photos'],
      ['/photos', '/photos/a.jpg'],
    ],
    [
      ['--path', '/photos/'],
      ['/photos', '/photos/a.jpg'],
    ],
    [['--door', 'webdav'], ['/photos']],
    [['--outcome', 'refused'], ['curl/8']],
    [
      ['--outcome', 'refused', '--all-sites'],
      ['stranger', 'curl/8'],
    ],
    [['--key', '@api-k1', '--limit', '1'], ['curl/8']],
    [['--user', 'ann', '--action', 'file.write'], ['/photos/a.jpg']],
    [['--address', '10.0.0.9'], []],
    [['--key', 'first', '--from', '2026-01-01', '--until', '2026-01-02', '--door', 'webdav'], ['/photos']],
    [['--until', '1h', '--key', 'k1'], []],
    [['--site', 'other', '--path', '/elsewhere'], ['/elsewhere']],
  ])('%j', async (argv, expected) => {
    expect(await subjects(...argv)).toEqual(expected)
  })

  test.each([
    [['--outcome', 'maybe'], /--outcome is ok or refused/],
    [['--from', 'yesterday'], /--from is an ISO time/],
    [['--limit', '0'], /--limit is a number/],
    [['--path', '/a/../b'], /./],
  ])('%j is wrong usage', async (argv, message) => {
    const { code, err } = await terminal.run('audit', 'list', ...argv)
    expect(code).toBe(2)
    expect(err).toMatch(message)
  })

  test('entries made by a key and user stay after both are deleted, with their names (K8)', async () => {
    await terminal.run('key', 'create', 'short-lived', '--user', 'mia')
    await terminal.run('key', 'delete', 'short-lived')
    const entries: unknown = await terminal.json('audit', 'list', '--limit', '2')
    expect(entries).toEqual([
      expect.objectContaining({ action: 'key.delete', subject: expect.stringContaining('short-lived') }),
      expect.objectContaining({ action: 'key.create', site: { id: terminal.office.site.id, name: 'main' } }),
    ])
  })
})

describe('R3: audit export', () => {
  test('prints JSON lines, the oldest first, each with its place in the chain', async () => {
    const { out } = await terminal.run('audit', 'export', '--key', 'k1')
    const lines = out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(lines.map(({ subject }) => subject)).toEqual(['/photos/a.jpg', '/photos', 'curl/8'])
    expect(lines[1].chain).toEqual({
      writer: lines[0].chain.writer,
      number: lines[0].chain.number + 1,
      previous: lines[0].chain.hash,
      hash: expect.stringMatching(/^[0-9a-f]{64}$/),
    })
  })

  test('of all sites has every entry', async () => {
    const { out } = await terminal.run('audit', 'export', '--all-sites')
    expect(out.trimEnd().split('\n')).toHaveLength(terminal.office.audit().length)
  })
})

describe('R3: audit verify and head', () => {
  test('a whole audit is said to be whole', async () => {
    const { code, out } = await terminal.run('audit', 'verify')
    expect([code, out]).toEqual([
      0,
      expect.stringMatching(/^The audit is whole: \d+ entries in 1 chains\.\n$/),
    ])
  })

  test('heads can be kept elsewhere, and verified against', async () => {
    const heads = await terminal.json('audit', 'head')
    expect(heads).toEqual([
      {
        writer: expect.any(String),
        number: terminal.office.audit().length,
        hash: expect.stringMatching(/^[0-9a-f]{64}$/),
        started_at: expect.any(String),
      },
    ])
    const file = join(terminal.office.dir, 'heads.json')
    await writeFile(file, JSON.stringify(heads))
    expect((await terminal.run('audit', 'verify', '--heads', file)).code).toBe(0)
    await writeFile(file, JSON.stringify(heads).replace(/"hash":"./, '"hash":"x'))
    expect((await terminal.run('audit', 'verify', '--heads', file)).code).toBe(1)
    await writeFile(file, 'no heads')
    expect((await terminal.run('audit', 'verify', '--heads', file)).code).toBe(2)
    await rm(file)
  })

  test('a changed entry is named, and the exit code is 1', async () => {
    const database = new Sqlite(join(terminal.office.dir, 'latchkey.db'))
    database.exec("update audit set subject = '/innocent' where subject = '/photos/a.jpg'")
    const { code, out, err } = await terminal.run('audit', 'verify')
    const [{ sequence } = { sequence: 0 }] = database
      .prepare<[], { sequence: number }>("select sequence from audit where subject = '/innocent'")
      .all()
    database.close()
    expect(code).toBe(1)
    expect(out).toBe(`changed: entry ${sequence} was changed\n`)
    expect(err).toMatch(/the audit is not whole: 1 problems/)
  })
})

describe('R4: session', () => {
  const session = {
    id: 'SessionOne',
    kind: 'user',
    userId: 'u1',
    userName: 'mia',
    keyId: 'k1',
    keyName: 'laptop',
    door: 'sftp',
    address: '192.0.2.9',
    client: 'OpenSSH',
    startedAt: Date.UTC(2026, 0, 1),
    bytesIn: 0,
    bytesOut: 5 * 1024 * 1024,
    current: '/film.mkv',
  } as const

  test('list shows who is connected and what they transfer; end ends one', async () => {
    const { site, clock, records } = terminal.office
    const news = { put: [{ ...session, siteId: site.id }], gone: [], now: clock.now() }
    await records.liveSessions.publish('server', news)
    const heard: unknown[] = []
    records.changes.subscribe((change) => heard.push(change))
    const { out } = await terminal.run('session', 'list')
    expect(out).toMatch(/SessionOne +mia \/ .* sftp .* 5\.0 MiB +\/film\.mkv/)
    expect(await terminal.json('session', 'list')).toEqual([
      expect.objectContaining({ id: 'SessionOne', bytes_out: 5_242_880, current: '/film.mkv' }),
    ])
    expect(await terminal.json('session', 'list', '--site', 'other')).toEqual([])
    expect((await terminal.run('session', 'end', 'SessionOne', '--site', 'other')).code).toBe(1)
    expect((await terminal.run('session', 'end', 'SessionOne')).code).toBe(0)
    expect(heard).toEqual([expect.objectContaining({ kind: 'session', sessionId: 'SessionOne' })])
    expect(await subjects('--action', 'session.end')).toEqual([expect.stringContaining('SessionOne')])
    expect(await terminal.run('session', 'list')).toMatchObject({ out: 'Nobody is connected.\n' })
  })
})
