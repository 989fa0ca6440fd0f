import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { describe, expect, test } from 'vitest'
import { headSeal } from '#audit/chain.ts'
import { verifyAudit } from '#audit/verify.ts'
import type { Attempt } from '#credentials/gate.ts'
import { parsePath } from '#permissions/path.ts'
import { SCOPE_BITS } from '#permissions/scopes.ts'
import { createCore } from '#server/core.ts'
import { startWorld, type World, type WorldKey } from '#test/world.ts'

const newest = { limit: 50, after: null, order: 'newest' } as const

/** What another process reads of the file at this moment. */
function onDisk(world: World, action: string) {
  const database = new Sqlite(join(world.folder.path, 'latchkey.db'), { readonly: true })
  const rows = database
    .prepare<[string], { outcome: string; reason: string }>(
      'select outcome, reason from audit where action = ? order by sequence',
    )
    .all(action)
  database.close()
  return rows
}

function attempt(key: WorldKey, password = key.value): Attempt {
  const proof = { kind: 'password', login: key.login, password } as const
  return { door: 'sftp', address: '192.0.2.7', siteId: null, client: 'OpenSSH', proof }
}

describe('R3: logins', () => {
  test('granted or refused, a login is on disk before it is answered', async () => {
    await using world = await startWorld()
    const key = await world.issue()
    const wrong = await world.issue()
    await world.gate.login(attempt(key))
    expect(onDisk(world, 'login')).toEqual([{ outcome: 'ok', reason: '' }])
    await world.gate.login(attempt(key, wrong.value))
    expect(onDisk(world, 'login')).toHaveLength(2)
    expect(onDisk(world, 'login')[1]).toMatchObject({
      outcome: 'refused',
      reason: expect.stringMatching(/./),
    })
  })

  test('a login that cannot be recorded is not granted', async () => {
    await using world = await startWorld()
    const key = await world.issue()
    const { db } = { db: new Sqlite(join(world.folder.path, 'latchkey.db')) }
    db.exec('alter table audit rename to gone')
    await expect(world.gate.login(attempt(key))).rejects.toMatchObject({ code: 'unavailable' })
    db.exec('alter table gone rename to audit')
    db.close()
    expect(await world.gate.login(attempt(key))).toMatchObject({ ok: true })
  })

  test('requests of HTTP doors are recorded once in five minutes, and the first is on disk for all of them', async () => {
    await using world = await startWorld()
    const key = await world.issue()
    const request = { ...attempt(key), door: 'webdav' } as const
    await Promise.race(Array.from({ length: 20 }, () => world.gate.login(request)))
    expect(onDisk(world, 'login')).toHaveLength(1)
    world.clock.advance(299_000)
    await world.gate.login(request)
    expect(onDisk(world, 'login')).toHaveLength(1)
    world.clock.advance(2_000)
    await world.gate.login(request)
    expect(onDisk(world, 'login')).toHaveLength(2)
  })

  test('a whole server’s audit verifies under its own pepper', async () => {
    await using world = await startWorld()
    await world.gate.login(attempt(await world.issue()))
    const { audit } = world.folder.records
    const report = await audit.inspect((reader) => verifyAudit(reader, headSeal(world.folder.pepper)))
    expect(report).toMatchObject({ chains: 1, problemCount: 0 })
  })
})

describe('R3: options', () => {
  test('audit_reads records each file that is opened, and each that may not be', async () => {
    await using world = await startWorld()
    await writeFile(join(world.root, 'a.txt'), 'x')
    const log = { warn() {}, error() {} }
    await using core = await createCore(world.folder, {
      clock: world.clock,
      log,
      revocationGrace: 30_000,
      auditReads: true,
    })
    const reader = await world.issue()
    const writer = await world.issue({ scopes: SCOPE_BITS.sftp | SCOPE_BITS['files.write'] })
    for (const key of [reader, writer]) {
      const login = await core.gate.login(attempt(key))
      if (!login.ok) throw new Error('refused')
      using session = core.gate.open(login.principal, attempt(key))
      const opening = session.files.open(parsePath('/a.txt'))
      if (key === writer) await expect(opening).rejects.toThrow()
      else await (await opening)[Symbol.asyncDispose]()
    }
    await core.audit.flush()
    const reads = await world.folder.records.audit.search(
      { siteId: world.site.id, action: 'file.read' },
      { ...newest, order: 'oldest' },
    )
    expect(reads.map(({ keyId, subject, outcome }) => [keyId, subject, outcome])).toEqual([
      [reader.id, '/a.txt', 'ok'],
      [writer.id, '/a.txt', 'refused'],
    ])
  })

  test('audit_retention prunes at the start', async () => {
    await using world = await startWorld()
    await world.issue()
    world.clock.advance(10 * 86_400_000)
    const log = { warn() {}, error() {} }
    const options = { clock: world.clock, log, revocationGrace: 30_000, auditRetention: 86_400_000 }
    await using _core = await createCore(world.folder, options)
    const left = async () => {
      const entries = await world.folder.records.audit.search({ siteId: null }, newest)
      return entries.map(({ action }) => action).toSorted()
    }
    // The process's own chain went as a whole: what says so begins the next.
    await expect.poll(left).toEqual(['audit.prune', 'audit.start'])
  })
})
