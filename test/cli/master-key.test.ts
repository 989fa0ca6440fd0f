import { describe, expect, test } from 'vitest'
import { createSealer, pairContext, sealedWith } from '#credentials/sealing.ts'
import { createKey } from '#identity/create-key.ts'
import { readMasterKeys } from '#server/master-key.ts'
import { OPERATOR } from '../identity/office.ts'
import { openTerminal, type Terminal } from './terminal.ts'

type Listed = readonly { id: string; current: boolean; seals: number }[]

async function withPairs(count: number): Promise<Terminal> {
  const terminal = await openTerminal()
  const { deps, site, member } = terminal.office
  for (let i = 0; i < count; i++) {
    await createKey(deps, OPERATOR, site.id, {
      name: `s3-${i}`,
      type: 'user',
      user: { id: member.id },
      pair: true,
    })
  }
  return terminal
}

async function list(terminal: Terminal): Promise<Listed> {
  return JSON.parse((await terminal.run('master-key', 'list', '--json')).out)
}

describe('latchkey master-key (K12)', () => {
  test('rotate seals every S3 secret again, and a running server opens them without a restart', async () => {
    await using terminal = await withPairs(3)
    const { office } = terminal
    const keys = readMasterKeys(office.dir, undefined)
    if (keys === null) throw new Error('no master key')
    const [before] = await list(terminal)
    expect(before).toMatchObject({ current: true, seals: 3 })
    expect((await terminal.run('master-key', 'rotate')).code).toBe(0)
    const [current, old] = await list(terminal)
    expect(current).toMatchObject({ current: true, seals: 3 })
    expect(old).toEqual({ id: before?.id, current: false, seals: 0 })

    for (const { keyId, version, sealed } of await office.records.sealed.pairs('', 10)) {
      expect(sealedWith(sealed)).toBe(current?.id)
      expect(office.sealer.open(sealed, pairContext(keyId, version)).toString()).toMatch(/^[0-9A-Za-z]{40}$/)
      expect(() => createSealer(() => keys).open(sealed, pairContext(keyId, version))).toThrow(/not there/)
    }
  })

  test('forget removes an old key that seals nothing, and no other', async () => {
    await using terminal = await withPairs(1)
    const [first] = await list(terminal)
    expect((await terminal.run('master-key', 'forget', first?.id ?? '')).err).toContain('current')
    await terminal.run('master-key', 'rotate')
    expect((await terminal.run('master-key', 'forget', 'ffffffff')).code).toBe(1)
    expect((await terminal.run('master-key', 'forget', first?.id ?? '')).code).toBe(0)
    expect(await list(terminal)).toHaveLength(1)
  })
})
