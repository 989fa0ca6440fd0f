import { describe, expect, test } from 'vitest'
import type { KnownEnd } from '#audit/verify.ts'
import type { Records } from '#records/open.ts'
import { fileEntry, type SharedLog, sharedLog } from '#test/audit/log.ts'
import { AUDIT, mount, NOW, site } from '#test/suites/records/fixtures.ts'

function makeSite({ identity }: Records, id: string): Promise<void> {
  return identity.addSite(site({ id, name: id, hosts: [] }), mount({ id, siteId: id }), AUDIT)
}

/** A server's long chain, a command line's short one, and a server again. */
async function threeChains(log: SharedLog): Promise<readonly Records[]> {
  const server = await log.process()
  await makeSite(server, 's1')
  await server.audit.append([fileEntry('/x'), fileEntry('/y')])
  await server.audit.append(Array.from({ length: 5 }, (_, i) => fileEntry(`/a${i}`)))
  const commandLine = await log.process()
  await makeSite(commandLine, 's2')
  const next = await log.process()
  await next.audit.append([fileEntry('/b0'), fileEntry('/b1')])
  await server.audit.append([fileEntry('/a5')])
  return [server, commandLine, next]
}

describe('R3: verify', () => {
  test('finds an untouched log whole: one chain for each process, changes and batches alike', async () => {
    await using log = await sharedLog()
    await threeChains(log)
    expect(await log.verify()).toEqual({ entries: 15, chains: 3, problemCount: 0, problems: [] })
  })

  test.each([
    ["update audit set subject = '/other' where subject = '/a2'", 'changed', /entry 7 was changed/],
    ["update audit set user_name = 'bob' where subject = '/b1'", 'changed', /entry 14 was changed/],
    ["update audit set at = at + 1 where subject = '/a2'", 'changed', /entry 7 was changed/],
    ["delete from audit where subject = '/a2'", 'removed', /number 7 is missing of chain .*, before entry 8/],
    ["delete from audit where subject in ('/a1', '/a2')", 'removed', /numbers 6 to 7 are missing/],
    ["delete from audit where action = 'audit.start' and sequence = 1", 'removed', /number 1 is missing/],
    ["delete from audit where subject = '/b1'", 'removed', /the last entry of chain \S+ \(3\) is missing/],
    ["delete from audit where subject = '/a5'", 'removed', /the last entry of chain/],
    [
      "insert into audit select 99, at, action, outcome, reason, site_id, site_name, user_id, user_name, key_id, key_name, door, address, '/new', target, writer, 50, previous, hash from audit where sequence = 7",
      'inserted',
      /entry 99 belongs to no chain/,
    ],
    [
      "insert into audit select 99, at, action, outcome, reason, site_id, site_name, user_id, user_name, key_id, key_name, door, address, '/new', target, 'me', 1, previous, hash from audit where sequence = 7",
      'inserted',
      /entry 99 belongs to no chain/,
    ],
    ['update audit set sequence = 99 where sequence = 7', 'changed', /entry 8 was moved before entry 99/],
  ])('%s', async (statement, kind, text) => {
    await using log = await sharedLog()
    await threeChains(log)
    await log.tamper(statement)
    const { problems } = await log.verify()
    expect(problems).toContainEqual(expect.objectContaining({ kind, text: expect.stringMatching(text) }))
  })

  test('names a changed entry once: what was written after it is as it was', async () => {
    await using log = await sharedLog()
    await threeChains(log)
    await log.tamper("update audit set reason = 'x' where subject = '/a1'")
    expect((await log.verify()).problems).toEqual([expect.objectContaining({ kind: 'changed', sequence: 6 })])
  })

  test('finds an entry that was swapped for another with a right hash of its own', async () => {
    await using log = await sharedLog()
    const [server] = await threeChains(log)
    const rows = await server?.audit.search({ siteId: 's1', path: undefined }, newest)
    const swapped = rows?.find(({ subject }) => subject === '/a2')
    const { linkHash } = await import('#audit/chain.ts')
    if (swapped === undefined) throw new Error('no entry')
    const hash = linkHash(swapped, swapped.previous, { ...swapped, subject: '/innocent' })
    await log.tamper(
      `update audit set subject = '/innocent', hash = x'${hash.toString('hex')}' where sequence = ${swapped.sequence}`,
    )
    const { problems } = await log.verify()
    expect(problems).toEqual([expect.objectContaining({ kind: 'changed', sequence: swapped.sequence })])
  })

  test('finds that a whole chain is gone, with its head and without', async () => {
    for (const head of ['', 'delete from audit_heads where ordinal = 2;']) {
      await using log = await sharedLog()
      await threeChains(log)
      const writer = '(select writer from audit_heads where ordinal = 2)'
      await log.tamper(`delete from audit where writer = ${writer}; ${head}`)
      const texts = (await log.verify()).problems.map(({ text }) => text).join('\n')
      expect(texts).toMatch(head === '' ? /the last entry of chain/ : /there are 2 chains where 3 must be/)
      expect(texts).toMatch(/is missing; a later chain names it/)
    }
  })

  test('finds that the last chain is gone together with its head and the count of chains', async () => {
    await using log = await sharedLog()
    await threeChains(log)
    const writer = '(select writer from audit_heads where ordinal = 3)'
    await log.tamper(
      `delete from audit where writer = ${writer}; delete from audit_heads where ordinal = 3; update audit_root set started = 2`,
    )
    expect((await log.verify()).problems).toEqual([expect.objectContaining({ kind: 'forged' })])
  })

  test('finds a head that was fitted to a shortened chain, and no later entry mends it', async () => {
    await using log = await sharedLog()
    const [server] = await threeChains(log)
    await log.tamper(`
      delete from audit where subject = '/a5';
      update audit_heads set count = 9, hash = (select hash from audit where subject = '/a4') where ordinal = 1`)
    const forged = expect.objectContaining({ kind: 'forged', text: expect.stringMatching(/MAC is wrong/) })
    expect((await log.verify()).problems).toEqual([forged])
    await server?.audit.append([fileEntry('/after')])
    const report = await log.verify()
    expect(report.problems).toContainEqual(forged)
    expect(report.chains).toBe(4)
  })

  test('a count of chains that was changed stays found after new chains start', async () => {
    await using log = await sharedLog()
    await threeChains(log)
    await log.tamper('update audit_root set removed = 1')
    await (await log.process()).audit.append([fileEntry('/c')])
    expect((await log.verify()).problems).toContainEqual(expect.objectContaining({ kind: 'forged' }))
  })

  test('an exported head finds that the database was put back to an older state', async () => {
    await using log = await sharedLog()
    const [server] = await threeChains(log)
    if (server === undefined) throw new Error('no process')
    const before = await headsOf(server)
    await log.tamper(
      'create table old_audit as select * from audit; create table old_heads as select * from audit_heads',
    )
    await server.audit.append([fileEntry('/secret')])
    const known = await headsOf(server)
    expect((await log.verify(known)).problemCount).toBe(0)
    await log.tamper(`
      delete from audit; insert into audit select * from old_audit;
      delete from audit_heads; insert into audit_heads select * from old_heads`)
    expect((await log.verify(before)).problemCount).toBe(0)
    expect((await log.verify(known)).problems).toEqual([
      expect.objectContaining({ kind: 'removed', text: expect.stringMatching(/the exported head names it/) }),
    ])
  })

  test('reads more than a page of entries and chains', async () => {
    await using log = await sharedLog()
    const server = await log.process()
    await server.audit.append(Array.from({ length: 2_500 }, (_, i) => fileEntry(`/f${i}`)))
    await log.tamper("update audit set subject = 'x' where sequence in (3, 1001, 2400)")
    const report = await log.verify()
    expect(report).toMatchObject({ entries: 2_501, problemCount: 3 })
    expect(report.problems.map(({ sequence }) => sequence)).toEqual([3, 1_001, 2_400])
  })

  test('text that the database would not give back as it was is kept so that it verifies', async () => {
    await using log = await sharedLog()
    const server = await log.process()
    await server.audit.append([fileEntry('/half \ud83d, nul \0, ü 日本 "\\'), { ...AUDIT, at: NOW + 0.5 }])
    expect((await log.verify()).problemCount).toBe(0)
  })

  test('a change that fails leaves no entry and no gap', async () => {
    await using log = await sharedLog()
    const server = await log.process()
    await expect(server.identity.deleteKey('s1', 'none', AUDIT)).rejects.toThrow()
    await makeSite(server, 's1')
    await expect(server.identity.deleteKey('s1', 'none', AUDIT)).rejects.toThrow()
    await makeSite(server, 's2')
    expect(await log.verify()).toMatchObject({ entries: 3, chains: 1, problemCount: 0 })
  })
})

describe('R3: retention', () => {
  const day = 86_400_000

  test('prunes what is old and says so; the rest, and what follows, still verifies', async () => {
    await using log = await sharedLog()
    let now = NOW
    const server = await log.process(() => now)
    const at = () => ({ at: now })
    await server.audit.append(Array.from({ length: 4_500 }, (_, i) => fileEntry(`/old${i}`, at())))
    const commandLine = await log.process(() => now)
    await commandLine.audit.append([fileEntry('/old', at())])
    now += 10 * day
    await server.audit.append([fileEntry('/new', at())])
    const counts = []
    for (let count = -1; count !== 0; counts.push(count)) count = await server.audit.prune(now - day)
    expect(counts).toEqual([2_002, 2_000, 501, 0])
    const left = await server.audit.search({ siteId: null }, { ...newest, order: 'oldest' })
    expect(left.map(({ action, subject }) => [action, subject])).toEqual([
      ['file.write', '/new'],
      ['audit.prune', `2002 entries before ${new Date(now - day).toISOString()}`],
      ['audit.prune', `2000 entries before ${new Date(now - day).toISOString()}`],
      ['audit.prune', `501 entries before ${new Date(now - day).toISOString()}`],
    ])
    expect(await log.verify()).toMatchObject({ entries: 4, chains: 1, problemCount: 0 })
    // The command line's chain is gone as a whole: its process goes on in a new one.
    await commandLine.audit.append([fileEntry('/later', at())])
    expect(await log.verify()).toMatchObject({ entries: 6, chains: 2, problemCount: 0 })
    await log.tamper("delete from audit where subject = '/new'")
    expect((await log.verify()).problems).toEqual([expect.objectContaining({ kind: 'removed' })])
  })

  test('does not prune a chain that somebody changed: it stays to be looked at', async () => {
    await using log = await sharedLog()
    const server = await log.process()
    await server.audit.append([fileEntry('/a'), fileEntry('/b')])
    await log.tamper('update audit_heads set count = 2')
    expect(await server.audit.prune(NOW + day)).toBe(0)
    expect(await server.audit.search({ siteId: null }, newest)).toHaveLength(3)
  })

  test('heads that were exported before still verify after pruning', async () => {
    await using log = await sharedLog()
    const server = await log.process()
    await server.audit.append([fileEntry('/a')])
    const known = await headsOf(server)
    await server.audit.prune(NOW + day)
    expect((await log.verify(known)).problemCount).toBe(0)
  })
})

const newest = { limit: 100, after: null, order: 'newest' } as const

async function headsOf(records: Records): Promise<readonly KnownEnd[]> {
  const heads = await records.audit.inspect((reader) => reader.heads(0, 100))
  return heads.map(({ writer, count, hash }) => ({ writer, number: count, hash: hash.toString('hex') }))
}
