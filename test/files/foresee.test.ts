import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createForesee } from '#credentials/foresee.ts'
import { judge } from '#credentials/judge.ts'
import type { Account } from '#credentials/ports.ts'
import { principalOf } from '#credentials/principal.ts'
import { Fault } from '#faults'
import type { Files, Wish } from '#files/types.ts'
import { FACTORY_SETTINGS } from '#identity/settings.ts'
import type { Conditions, DoorName } from '#permissions/conditions.ts'
import type { Action } from '#permissions/decide.ts'
import { ALL_RIGHTS, rightsOf } from '#permissions/grants.ts'
import { ALL_SCOPES, scopesOf } from '#permissions/scopes.ts'
import { at, callerOf, type FilesWorld, put, startFiles } from './setup.ts'

const NOW = 1_700_000_000_000
const FILES = ['/top', '/a/f', '/a/b/f', '/a/b/c/f', '/ab/f', '/m/f', '/ro/f']
const FOLDERS = ['/a', '/a/b', '/a/b/c', '/ab', '/m/sub']
const ABSENT = ['/none', '/a/none', '/m/none', '/ro/none', '/none/x']
const DOORS: readonly DoorName[] = ['webdav', 'sftp', 'ftp', 's3', 'rest']

let world: FilesWorld
beforeAll(async () => {
  world = await startFiles({ mounts: ['/', '/m', '/ro'] })
  const { files } = world.as()
  for (const path of FOLDERS) await files.mkdir(at(path))
  for (const path of FILES) await put(files, path, path)
  const { records } = world.stores.mounts
  // One keeps no trash, one cannot be changed.
  for (const [index, record] of records.entries()) {
    if (record.id === 'm1') records[index] = { ...record, settings: { ...record.settings, trashDays: 0 } }
    if (record.id === 'm2') records[index] = { ...record, readOnly: true }
  }
  world.service.forgetMounts('s')
})
afterAll(() => world[Symbol.asyncDispose]())

/** The same numbers for the same seed (mulberry32). */
function randomFrom(seed: number) {
  let state = seed
  const next = () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
  const whole = (below: number) => Math.floor(next() * below)
  return {
    chance: (part: number) => next() < part,
    bits: (all: number) => whole(2 ** 31) & all,
    one: <T>(list: readonly [T, ...T[]] | readonly T[], fallback: T): T =>
      list[whole(list.length)] ?? fallback,
  }
}
type Random = ReturnType<typeof randomFrom>

function randomConditions(random: Random): Conditions {
  if (random.chance(0.85)) return {}
  return random.one<Conditions>(
    [
      { allow: ['192.0.2.0/24'] },
      { deny: ['192.0.2.1'] },
      { doors: ['sftp', 'rest'] },
      { notBefore: NOW + 1 },
    ],
    {},
  )
}

function randomAccount(random: Random): Account {
  const type = random.one(['user', 'user', 'user', 'user', 'site', 'guest'] as const, 'user')
  const often = () => random.chance(0.94)
  const expiry = () => (often() ? random.one([null, NOW + 1], null) : NOW)
  const paths = ['/', '/', '/a', '/a', '/a/b', '/ab', '/m', '/ro'] as const
  const grants = [1, 2, 3].map(() => ({
    path: at(random.one(paths, '/')),
    recursive: random.chance(0.7),
    rights: random.chance(0.5) ? ALL_RIGHTS : random.bits(ALL_RIGHTS),
  }))
  const scopes = random.one(
    [
      0,
      ALL_SCOPES,
      ALL_SCOPES,
      ALL_SCOPES & ~scopesOf('files.purge'),
      scopesOf('files.write', 'files.copy', 'rest', 'sftp'),
    ],
    random.bits(ALL_SCOPES),
  )
  return {
    site: { id: 's', name: 's', enabled: often(), conditions: {}, settings: FACTORY_SETTINGS },
    key: {
      id: 'k',
      siteId: 's',
      userId: type === 'user' ? 'u' : null,
      type,
      name: 'k',
      description: '',
      scopes: random.chance(0.4) ? random.bits(ALL_SCOPES) : scopes,
      basePath: at(random.chance(0.7) ? '/' : random.one(paths, '/')),
      storages: random.chance(0.8) ? null : random.one([['m0'], ['m1', 'm2'], []], null),
      conditions: randomConditions(random),
      enabled: often(),
      expiresAt: expiry(),
      createdAt: 0,
    },
    values: [{ id: 'v', digest: Buffer.alloc(32), hash: null, stopsAt: expiry() }],
    pair: null,
    user:
      type !== 'user'
        ? null
        : {
            id: 'u',
            siteId: 's',
            name: 'u',
            role: random.one(['member', 'member', 'administrator'] as const, 'member'),
            enabled: often(),
            expiresAt: expiry(),
            conditions: randomConditions(random),
          },
    grants: type === 'user' ? grants : [],
  }
}

type Case = {
  readonly wishes: readonly Omit<Wish, 'door' | 'address' | 'now'>[]
  run(files: Files): Promise<unknown>
}

// Nothing has this version: what is allowed ends there, and changes nothing.
const HARMLESS = { ifVersion: '0'.repeat(32) }

function randomCase(random: Random): Case {
  const file = at(random.one(FILES, '/top'))
  const there = at(random.one([...FILES, ...FOLDERS], '/top'))
  const any = at(random.one([...FILES, ...FOLDERS, ...ABSENT], '/top'))
  const other = at(random.one([...FILES, ...ABSENT], '/none'))
  const both = { ...HARMLESS, overwrite: true }
  const single = (action: Action, path: Wish['path'], run: Case['run']): Case => ({
    wishes: [{ action, path }],
    run,
  })
  const cases: Case[] = [
    single('stat', there, (files) => files.stat(there)),
    single('list', there, (files) => files.list(there, { limit: 1 })),
    single('read', there, async (files) => (await files.open(there))[Symbol.asyncDispose]()),
    single('write', any, async (files) => (await files.create(any, HARMLESS))[Symbol.asyncDispose]()),
    single('mkdir', any, (files) => files.mkdir(any, HARMLESS)),
    single('delete', there, (files) => files.remove(there, { ...HARMLESS, tree: true })),
    single('purge', there, (files) => files.purge(there, { ...HARMLESS, tree: true })),
  ]
  if (file !== other) {
    cases.push(
      {
        wishes: [
          { action: 'copy_from', path: file },
          { action: 'copy_to', path: other },
        ],
        run: (files) => files.copy(file, other, both),
      },
      {
        wishes: [
          { action: 'rename_from', path: file },
          { action: 'rename_to', path: other },
        ],
        run: (files) => files.rename(file, other, both),
      },
    )
  }
  return random.one(
    cases,
    single('stat', there, (files) => files.stat(there)),
  )
}

/** True when it was done, or ended for a reason that has nothing to do with rights. */
async function isLetIn(work: Promise<unknown>): Promise<boolean> {
  try {
    await work
    return true
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    return error.code !== 'forbidden' && error.code !== 'not_found'
  }
}

async function reallyDone(account: Account, wish: Pick<Wish, 'door' | 'address'>, run: Case['run']) {
  const valueStopsAt = account.values[0]?.stopsAt ?? null
  if (judge(account, { ...wish, now: NOW, siteId: null, valueStopsAt }) !== null) return false
  const { files } = callerOf(world.service, { ...principalOf(account, valueStopsAt), ...wish })
  return isLetIn(run(files))
}

test('D6: in 10,000 random cases the answer is what login and files then do', {
  timeout: 60_000,
}, async () => {
  const seed = 20_261_122
  const random = randomFrom(seed)
  const tally = { yes: 0, no: 0 }
  const reasons = new Set<string>()
  let account: Account = randomAccount(random)
  const foresee = createForesee({ store: { accountByKeyId: async () => account }, files: world.service })
  for (let round = 0; round < 10_000; round++) {
    account = randomAccount(random)
    const door = random.one(DOORS, 'rest')
    const address = random.one(['192.0.2.1', '192.0.2.9', '198.51.100.1'], '192.0.2.1')
    const { wishes, run } = randomCase(random)
    const answers = await Promise.all(
      wishes.map((wish) => foresee('k', { ...wish, door, address, now: NOW })),
    )
    const allowed = answers.every((answer) => answer?.allow === true)
    const done = await reallyDone(account, { door, address }, run)
    if (done !== allowed) {
      expect.fail(
        `seed ${seed} round ${round}: ${JSON.stringify({ door, address, wishes, answers, done, account })}`,
      )
    }
    tally[allowed ? 'yes' : 'no']++
    for (const answer of answers) if (answer !== null && !answer.allow) reasons.add(answer.reason)
    world.stores.audit.entries.length = 0
  }
  expect(Math.min(tally.yes, tally.no)).toBeGreaterThan(1500)
  // Every kind of no was met.
  expect([...reasons].sort()).toEqual(
    [
      ...['address', 'base_path', 'door', 'door_scope', 'grant', 'key_disabled', 'key_expired', 'no_scopes'],
      ...['not_before', 'not_own', 'read_only', 'role', 'scope', 'site_disabled', 'storage'],
      ...['user_disabled', 'user_expired', 'value_stopped'],
    ].sort(),
  )
})

describe('D6: the answer', () => {
  const wish = (action: Action, path: string): Wish => ({
    action,
    path: at(path),
    door: 'rest',
    address: '192.0.2.1',
    now: NOW,
  })
  const principal = (given: Parameters<FilesWorld['as']>[0] = {}) =>
    principalOf(
      {
        ...randomAccount(randomFrom(1)),
        key: {
          ...randomAccount(randomFrom(1)).key,
          type: 'user',
          scopes: given.scopes ?? ALL_SCOPES,
          basePath: at('/'),
          storages: null,
          conditions: {},
        },
        user: null,
        grants: [{ path: at('/a'), recursive: true, rights: rightsOf('write', 'delete') }],
      },
      null,
    )

  test('knows what a delete is where it is asked: a purge without a trash, another scope on top', async () => {
    const { service } = world
    const who = {
      ...principal({ scopes: ALL_SCOPES & ~scopesOf('files.purge') }),
      role: 'administrator' as const,
    }
    const all = { ...who, grants: [{ path: at('/'), recursive: true, rights: ALL_RIGHTS }] }
    expect(await service.foresee(all, wish('delete', '/a/f'))).toEqual({ allow: true })
    expect(await service.foresee(all, wish('delete', '/m/f'))).toEqual({ allow: false, reason: 'scope' })
    expect(await service.foresee({ ...all, role: 'member' }, wish('delete', '/a'))).toEqual({
      allow: false,
      reason: 'role',
    })
  })

  test('does not tell by its reason what is there to who may not see it', async () => {
    const { service } = world
    const who = { ...principal(), role: 'member' as const }
    for (const path of ['/ab', '/none']) {
      expect(await service.foresee(who, wish('delete', path))).toEqual({ allow: false, reason: 'grant' })
    }
  })
})
