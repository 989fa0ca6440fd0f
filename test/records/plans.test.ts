import Sqlite from 'better-sqlite3'
import { describe, expect, test } from 'vitest'
import { newUploadId } from '#files/multipart.ts'
import { parsePath, ROOT } from '#permissions/path.ts'
import type { Records } from '#records/open.ts'
import { makeSqlite } from '#test/records/database.ts'
import { AUDIT, furnish, metadata } from '#test/suites/records/fixtures.ts'

const path = parsePath('/a/b')
const place = { mountId: 'm1', path }
const property = { uri: 'u', local: 'l', xml: '<l/>' }
const fingerprint = { ino: 1n, size: 1, mtimeNs: 1n }
const version = { now: fingerprint, created: 1, keptMtimeNs: 2n }

const UPLOADS_PAGE = { limit: 9, prefix: 'x', after: { path: '/a/b/x', id: newUploadId(1) } }

/** More than are looked through in memory. */
async function many(locks: Records['locks']): Promise<Records['locks']> {
  const lock = { path, reach: 'entry', scope: 'shared', holder: '', owner: '', expiresAt: 1 } as const
  await Promise.all(Array.from({ length: 201 }, (_, i) => locks.insert('s1', { ...lock, token: `t${i}` })))
  return locks
}

const HOT: readonly [string, (records: Records) => Promise<unknown>][] = [
  ['accountByKeyId', ({ credentials }) => credentials.accountByKeyId('k1')],
  ['accountByAccessKeyId', ({ credentials }) => credentials.accountByAccessKeyId('AK-k1')],
  ['accountsByKeyName in one site', ({ credentials }) => credentials.accountsByKeyName('first', 's1')],
  ['accountsByKeyName in all sites', ({ credentials }) => credentials.accountsByKeyName('first', null)],
  ['accountsByBucket', ({ credentials }) => credentials.accountsByBucket(7)],
  ['guestAccount', ({ credentials }) => credentials.guestAccount('s1')],
  ['a page of keys', ({ identity }) => identity.keys('s1', { limit: 9, after: { createdAt: 1, id: 'k0' } })],
  ['expiredKeys', ({ identity }) => identity.expiredKeys('s1', 1, 9)],
  ['personById', ({ credentials }) => credentials.personById('u1')],
  ['peopleByName in one site', ({ credentials }) => credentials.peopleByName('ann', 's1')],
  ['peopleByName in all sites', ({ credentials }) => credentials.peopleByName('ann', null)],
  ['ancestorsOf', ({ identity }) => identity.ancestorsOf('s1')],
  ['siteIdByHost', ({ credentials }) => credentials.siteIdByHost('b.example')],
  ['userByName', ({ identity }) => identity.userByName('s1', 'ann')],
  ['keyByName', ({ identity }) => identity.keyByName('s1', 'first')],
  ['updateKey', ({ identity }) => identity.updateKey('s1', 'k1', { name: 'other' }, AUDIT)],
  ['locks.find', async ({ locks }) => (await many(locks)).find('s1', { paths: [path], below: path, now: 0 })],
  [
    'locks.find below the root',
    async ({ locks }) => (await many(locks)).find('s1', { paths: [], below: ROOT, now: 0 }),
  ],
  ['locks.remove', ({ locks }) => locks.remove('s1', ['t'])],
  ['locks.removeWithin', async ({ locks }) => (await many(locks)).removeWithin('s1', path)],
  ['locks.removeExpired', ({ locks }) => locks.removeExpired(1)],
  ['metadata.find', (records) => records.metadata.find('m1', [{ path, fingerprint }])],
  ['metadata.strays', (records) => records.metadata.strays('m1', [fingerprint])],
  ['metadata.rehome', (records) => records.metadata.rehome(place, 1n, path)],
  ['metadata.put', (records) => records.metadata.put(place, fingerprint, metadata())],
  ['metadata.retime', (records) => records.metadata.retime(place, fingerprint, fingerprint)],
  ['metadata.move', (records) => records.metadata.move(place, { ...place, path: parsePath('/c') })],
  ['metadata.remove', (records) => records.metadata.remove(place, 1n)],
  ['properties.find', ({ properties }) => properties.find('m1', [path])],
  [
    'properties.change',
    ({ properties }) => properties.change(place, { set: [property], remove: [property] }, 9),
  ],
  [
    'properties.copy',
    (records) => records.properties.copy(place, { ...place, path: parsePath('/c') }, false),
  ],
  ['properties.move', (records) => records.properties.move(place, { ...place, path: parsePath('/c') })],
  ['properties.remove', ({ properties }) => properties.remove(place)],
  ['versions.find', ({ versions }) => versions.find('m1', [1n])],
  ['versions.put', ({ versions }) => versions.put(place, version)],
  ['versions.move', ({ versions }) => versions.move(place, { ...place, path: parsePath('/c') })],
  ['versions.remove', ({ versions }) => versions.remove(place)],
  ['a page of versions', ({ versions }) => versions.page('m1', 0n, 9)],
  ['versions.drop', ({ versions }) => versions.drop('m1', [{ ...version, path }])],
  ['uploads.get', ({ uploads }) => uploads.get('s1', '1')],
  ['uploads.list', ({ uploads }) => uploads.list('s1', path)],
  ['a page of uploads', ({ uploads }) => uploads.list('s1', path, { limit: 9 })],
  ['a further page of uploads', ({ uploads }) => uploads.list('s1', path, UPLOADS_PAGE)],
  ['uploads.abandoned', ({ uploads }) => uploads.abandoned(1, 9)],
  ['a page of parts', ({ uploads }) => uploads.parts('1', { after: 1, limit: 9 })],
  ['uploads.parts', ({ uploads }) => uploads.parts('1')],
  ['trash.get', ({ trash }) => trash.get(['m1'], 'x')],
  ['trash.list', ({ trash }) => trash.list([{ ...place, path: ROOT }], { before: 'x', limit: 9 })],
  ['trash.list of a folder', ({ trash }) => trash.list([place], { before: 'x', limit: 9 })],
  ['trash.older', ({ trash }) => trash.older('m1', 1, 9)],
  ['trash.remove', ({ trash }) => trash.remove(['x'])],
  ['changes.poll', ({ changes }) => changes.poll()],
  [
    'lastUses.record',
    ({ lastUses }) => lastUses.record([{ id: 'v', at: 1, address: '', door: '', client: '' }]),
  ],
]

/** Reads all of a table, or all rows of a site or mount. Lists in the statement's own memory do not count. */
function readsMuch(step: string): boolean {
  if (/^SCAN (json_each|used|line|CONSTANT ROW|\d+ CONSTANT ROWS)/.test(step)) return false
  return step.startsWith('SCAN') || /\((site_id|mount_id)=\?\)$/.test(step)
}

describe('hot statements read what they look for and not whole tables', () => {
  test.each(HOT)('%s', async (_, call) => {
    await using database = await makeSqlite()
    const statements: { sql: string; parameters: readonly unknown[] }[] = []
    const records = await database.open({ onStatement: (statement) => statements.push(statement) })
    await furnish(records)
    await records.changes.poll()
    statements.length = 0
    await call(records)
    const made = statements.filter(({ sql }) => /^(select|with|update|delete|insert)/.test(sql))
    expect(made).not.toEqual([])
    const handle = new Sqlite(database.file)
    // The first few rows of a table, whatever they are.
    const looking = made.filter(({ sql }) => !/^select \S+ from \S+ limit \?$/.test(sql))
    const plans = looking.flatMap(({ sql, parameters }) =>
      handle.prepare<unknown[], { detail: string }>(`explain query plan ${sql}`).all(parameters),
    )
    handle.close()
    expect(plans.map((step) => step.detail).filter(readsMuch)).toEqual([])
  })

  test.each([
    ["select id from keys where description = ''", true],
    ["select id from keys where site_id = ''", true],
    ["select id from keys where site_id = '' and name = ''", false],
  ])('the check bites: %s', async (sql, much) => {
    await using database = await makeSqlite()
    await database.open()
    const handle = new Sqlite(database.file)
    const steps = handle.prepare<[], { detail: string }>(`explain query plan ${sql}`).all()
    handle.close()
    expect(steps.some((step) => readsMuch(step.detail))).toBe(much)
  })
})
