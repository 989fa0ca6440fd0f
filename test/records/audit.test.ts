import Sqlite from 'better-sqlite3'
import { describe, expect, test } from 'vitest'
import type { AuditEntry, AuditFilter } from '#audit/ports.ts'
import { parsePath } from '#permissions/path.ts'
import type { Records } from '#records/open.ts'
import { fileEntry } from '#test/audit/log.ts'
import { makeSqlite } from '#test/records/database.ts'
import { AUDIT, mount, NOW, site } from '#test/suites/records/fixtures.ts'

const newest = { limit: 100, after: null, order: 'newest' } as const
const at = (minutes: number) => ({ at: NOW + minutes * 60_000 })
const bob = { userId: 'u2', userName: 'bob', keyId: 'k2', keyName: 'laptop' }

const ENTRIES: readonly AuditEntry[] = [
  fileEntry('/a', at(0)),
  fileEntry('/a/x', { ...at(1), ...bob, door: 'ftp' }),
  fileEntry('/ab', { ...at(2), address: '10.0.0.2' }),
  fileEntry('/b → /a/moved', { ...at(3), action: 'file.rename', target: '/a/moved' }),
  fileEntry('/a → /c', { ...at(4), action: 'file.rename', target: '/c' }),
  fileEntry('', { ...at(5), action: 'login', outcome: 'refused', reason: 'wrong_value', ...bob }),
  fileEntry('/a/y', { ...at(6), siteId: 's2' }),
  fileEntry('/old', { ...at(7), keyId: 'k3', keyName: 'gone' }),
  fileEntry('/older', { ...at(8), keyId: 'k2', keyName: 'notebook', userId: 'u2', userName: 'bob' }),
]

async function found(records: Records, filter: Partial<AuditFilter>): Promise<string[]> {
  const entries = await records.audit.search({ siteId: 's1', ...filter }, { ...newest, order: 'oldest' })
  return entries.map(({ subject }) => subject)
}

const A = parsePath('/a')
const CASES: readonly [string, Partial<AuditFilter>, string[]][] = [
  ['key id', { key: 'k2' }, ['/a/x', '', '/older']],
  ['name of a key that is gone', { key: 'gone' }, ['/old']],
  ['user id', { user: 'u2' }, ['/a/x', '', '/older']],
  ['user name of the time', { user: 'bob' }, ['/a/x', '', '/older']],
  ['path, by segment, at both ends of a move', { path: A }, ['/a', '/a/x', '/b → /a/moved', '/a → /c']],
  ['path /c', { path: parsePath('/c') }, ['/a → /c']],
  ['the whole tree', { path: parsePath('/'), key: 'k2' }, ['/a/x', '/older']],
  ['door', { door: 'ftp' }, ['/a/x']],
  ['address', { address: '10.0.0.2' }, ['/ab']],
  ['outcome', { outcome: 'refused' }, ['']],
  ['action', { action: 'file.rename' }, ['/b → /a/moved', '/a → /c']],
  ['time', { from: at(1).at, until: at(3).at }, ['/a/x', '/ab']],
  ['several at once', { key: 'k2', path: A, door: 'ftp', from: NOW }, ['/a/x']],
  ['another site', { siteId: 's2' }, ['/a/y']],
]

describe('R3: search', () => {
  test.each(CASES)('by %s', async (_, filter, subjects) => {
    await using database = await makeSqlite()
    const records = await database.open()
    await records.audit.append(ENTRIES)
    expect(await found(records, filter)).toEqual(subjects)
  })

  test('in pages, newest and oldest first, while entries come in; entries of one instant are not lost', async () => {
    await using database = await makeSqlite()
    const records = await database.open()
    const entries = Array.from({ length: 25 }, (_, i) => fileEntry(`/${i}`, at(i < 20 ? 0 : 1)))
    await records.audit.append(entries)
    for (const order of ['newest', 'oldest'] as const) {
      const seen: string[] = []
      for (let after = null as { at: number; sequence: number } | null; ; ) {
        const page = await records.audit.search(
          { siteId: 's1', until: at(2).at },
          { limit: 10, after, order },
        )
        await records.audit.append([fileEntry('/meanwhile', at(2))])
        seen.push(...page.map(({ subject }) => subject))
        after = page.at(-1) ?? null
        if (page.length < 10) break
      }
      const expected = entries.map(({ subject }) => subject)
      expect(seen).toEqual(order === 'oldest' ? expected : expected.toReversed())
    }
  })

  test.each([1, 15, 16, 17, 50])('a batch of %i is one chain, in its order', async (length) => {
    await using database = await makeSqlite()
    const records = await database.open()
    await records.audit.append([fileEntry('/before', at(0))])
    await records.audit.append(Array.from({ length }, (_, i) => fileEntry(`/${i}`, at(0))))
    const entries = await records.audit.search({ siteId: null }, { limit: 100, after: null, order: 'oldest' })
    const subjects = entries.map(({ subject }) => subject)
    expect(subjects.slice(-length)).toEqual(Array.from({ length }, (_, i) => `/${i}`))
    for (const [index, { number, previous }] of entries.entries()) {
      expect(number).toBe(index + 1)
      if (index > 0) expect(previous).toEqual(entries[index - 1]?.hash)
    }
  })

  test('entries outlive their site, with its name of the time (K8)', async () => {
    await using database = await makeSqlite()
    const records = await database.open()
    await records.identity.addSite(site({ name: 'acme' }), mount(), AUDIT)
    await records.audit.append([fileEntry('/a')])
    const { db } = await database.engine()
    await db.deleteFrom('sites').execute()
    await records.audit.append([fileEntry('/b')])
    const entries = await records.audit.search({ siteId: 's1' }, { ...newest, order: 'oldest' })
    expect(
      entries.map(({ subject, siteName, keyName, userName }) => [subject, siteName, keyName, userName]),
    ).toEqual([
      ['first', 'acme', null, 'ann'],
      ['/a', 'acme', 'first', 'ann'],
      ['/b', null, 'first', 'ann'],
    ])
  })
})

describe('R3: a search reads what it looks for', () => {
  const plans: readonly [Partial<AuditFilter>, RegExp][] = [
    [{}, /audit_by_site \(site_id=\? AND at<\?\)/],
    [{ key: 'k1' }, /audit_by_key \(key_id=\? AND site_id=\? AND at<\?\)/],
    [{ user: 'u1' }, /audit_by_user \(user_id=\? AND site_id=\? AND at<\?\)/],
    [{ address: '10.0.0.1' }, /audit_by_address \(address=\? AND site_id=\? AND at<\?\)/],
    [{ action: 'login' }, /audit_by_action \(action=\? AND site_id=\? AND at<\?\)/],
    [{ from: 1, until: 2 }, /audit_by_site \(site_id=\? AND at>\? AND at<\?\)/],
    [{ key: 'k1', from: 1 }, /audit_by_key \(key_id=\? AND site_id=\? AND at>\?\)/],
    [{ path: A }, /audit_by_subject \(site_id=\? AND subject>\? AND subject<\?\)/],
    [{ siteId: null, from: 1 }, /audit_by_time \(at>\?\)/],
    [{ siteId: null, key: 'k1' }, /audit_by_key \(key_id=\?\)/],
  ]
  test.each(plans)('%j', async (filter, plan) => {
    await using database = await makeSqlite()
    const statements: { sql: string; parameters: readonly unknown[] }[] = []
    const records = await database.open({ onStatement: (statement) => statements.push(statement) })
    await records.audit.append(ENTRIES)
    statements.length = 0
    const after = { at: 5, sequence: 5 }
    await records.audit.search({ siteId: 's1', ...filter }, { ...newest, after: filter.from ? null : after })
    const handle = new Sqlite(database.file)
    const steps = statements
      .filter(({ sql }) => sql.startsWith('select'))
      .flatMap(({ sql, parameters }) =>
        handle.prepare<unknown[], { detail: string }>(`explain query plan ${sql}`).all(parameters),
      )
    handle.close()
    const details = steps.map(({ detail }) => detail)
    expect(details.filter((detail) => detail.startsWith('SCAN'))).toEqual([])
    expect(details.join('\n')).toMatch(plan)
  })
})
