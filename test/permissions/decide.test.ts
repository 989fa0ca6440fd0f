import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Action, decide, leadsToGrant } from '#permissions/decide.ts'
import { type Grant, LEVELS, RIGHT_BITS, rightsOf } from '#permissions/grants.ts'
import { parsePath, ROOT } from '#permissions/path.ts'
import type { Principal } from '#permissions/principal.ts'
import { ALL_SCOPES, PRESETS, SCOPE_BITS, type Scope, scopesOf } from '#permissions/scopes.ts'

const NOW = 1_000_000
const CONTEXT = { door: 'sftp', address: '127.0.0.1', now: NOW, mount: 'm1' } as const

function grant(path: string, rights: number, recursive = true): Grant {
  return { path: parsePath(path), rights, recursive }
}

const FULL = LEVELS.get('full') ?? 0
const READONLY = LEVELS.get('readonly') ?? 0

function member(more: Partial<Principal> = {}): Principal {
  return {
    kind: 'user',
    siteId: 's',
    siteName: 'main',
    user: { id: 'u', name: 'ann' },
    key: { id: 'k', name: 'backup' },
    role: 'member',
    scopes: ALL_SCOPES,
    grants: [grant('/team', FULL)],
    basePath: ROOT,
    storages: null,
    conditions: [],
    expiresAt: null,
    ...more,
  }
}

const without = (...names: Scope[]) => ALL_SCOPES & ~scopesOf(...names)

describe('decide(): a row for each reason', () => {
  test.each<[string, Partial<Principal>, Action, string, string | true | 'partial']>([
    ['within its grant', {}, 'read', '/team/a', true],
    ['outside of its grants', {}, 'read', '/other/a', 'grant'],
    ['beside its grant', {}, 'read', '/teams', 'grant'],
    ['with a right that it lacks', { grants: [grant('/team', READONLY)] }, 'write', '/team/a', 'grant'],
    ['above its grant, to see', {}, 'stat', '/', 'partial'],
    ['above its grant, to list', {}, 'list', '/', 'partial'],
    ['above its grant, to read', {}, 'read', '/', 'grant'],
    ['without grants', { grants: [] }, 'list', '/', 'grant'],
    ['expired on the dot', { expiresAt: NOW }, 'read', '/team/a', 'expired'],
    ['a moment before it expires', { expiresAt: NOW + 1 }, 'read', '/team/a', true],
    ['at another door', { conditions: [{ doors: ['ftp'] }] }, 'read', '/team/a', 'door'],
    ['from another address', { conditions: [{ allow: ['10.0.0.0/8'] }] }, 'read', '/team/a', 'address'],
    ['before its time', { conditions: [{ notBefore: NOW + 1 }] }, 'read', '/team/a', 'not_before'],
    ['outside its window', { conditions: [{ windows: [] }] }, 'read', '/team/a', 'time'],
    ['without the door scope', { scopes: without('sftp') }, 'read', '/team/a', 'door_scope'],
    ['without files.list', { scopes: without('files.list') }, 'list', '/team', 'scope'],
    ['without files.read', { scopes: without('files.read') }, 'read', '/team/a', 'scope'],
    ['without files.write', { scopes: without('files.write') }, 'write', '/team/a', 'scope'],
    ['without files.copy', { scopes: without('files.copy') }, 'copy_from', '/team/a', 'scope'],
    ['without files.rename', { scopes: without('files.rename') }, 'rename_to', '/team/a', 'scope'],
    ['without files.delete', { scopes: without('files.delete') }, 'delete', '/team/a', 'scope'],
    ['purge without files.purge', { scopes: without('files.purge') }, 'purge', '/team/a', 'scope'],
    ['purge without files.delete', { scopes: without('files.delete') }, 'purge', '/team/a', 'scope'],
    ['top level without folders.read', { scopes: without('folders.read') }, 'list', '/', 'scope'],
    ['outside its base path', { basePath: parsePath('/team/a') }, 'read', '/team/b', 'base_path'],
    ['beside its base path', { basePath: parsePath('/team/a') }, 'read', '/team/ab', 'base_path'],
    ['on the way to its base path', { basePath: parsePath('/team/a') }, 'list', '/team', 'partial'],
    [
      'a base path below a folder that it may only write',
      { grants: [grant('/', RIGHT_BITS.write)], basePath: parsePath('/team') },
      'stat',
      '/team',
      'grant',
    ],
    ['on a storage it does not have', { storages: ['m2'] }, 'read', '/team/a', 'storage'],
    ['on a storage it has', { storages: ['m1'] }, 'read', '/team/a', true],
    ['with an empty storage list', { storages: [] }, 'read', '/team/a', 'storage'],
    ['a top-level folder, as a member', { grants: [grant('/', FULL)] }, 'folder_create', '/x', 'role'],
    ['the admin API, as a member', {}, 'administer', '/', 'role'],
    ['the admin API, as an administrator', { role: 'administrator' }, 'administer', '/', true],
    [
      'the admin API without its scope',
      { role: 'administrator', scopes: without('admin') },
      'administer',
      '/',
      'scope',
    ],
    [
      'a top-level folder, as an administrator',
      { role: 'administrator', grants: [grant('/', FULL)] },
      'folder_create',
      '/x',
      true,
    ],
    [
      'a purge of a top-level folder without folders.purge',
      { role: 'administrator', grants: [grant('/', FULL)], scopes: without('folders.purge') },
      'folder_purge',
      '/x',
      'scope',
    ],
    [
      'a file in a folder granted without depth',
      { grants: [grant('/team', FULL, false)] },
      'read',
      '/team/a',
      true,
    ],
    [
      'deeper than a grant without depth',
      { grants: [grant('/team', FULL, false)] },
      'read',
      '/team/a/b',
      'grant',
    ],
    [
      'listing below a grant without depth',
      { grants: [grant('/team', FULL, false)] },
      'list',
      '/team/a',
      'grant',
    ],
  ])('%s', (_, more, action, path, expected) => {
    const decision = decide(member(more), action, parsePath(path), CONTEXT)
    if (!decision.allow) return expect(decision.reason).toBe(expected)
    expect(decision.partial ? 'partial' : true).toBe(expected)
  })

  test('a grant without depth covers no tree', () => {
    const ann = member({ grants: [grant('/team', FULL, false)] })
    expect(decide(ann, 'purge', parsePath('/team/a'), CONTEXT).allow).toBe(true)
    expect(decide(ann, 'purge', parsePath('/team/a'), { ...CONTEXT, tree: true }).allow).toBe(false)
  })

  test('WebDAV: webdav.read does not change, webdav.manage does', () => {
    const dav = { ...CONTEXT, door: 'webdav' } as const
    const reader = member({ scopes: without('webdav.manage') })
    expect(decide(reader, 'read', parsePath('/team/a'), dav).allow).toBe(true)
    expect(decide(reader, 'write', parsePath('/team/a'), dav)).toEqual({ allow: false, reason: 'door_scope' })
  })

  test('S4: upload_only writes, and neither lists nor reads', () => {
    const uploader = member({ scopes: PRESETS.get('upload_only') ?? 0 })
    const may = (action: Action, path: string) => decide(uploader, action, parsePath(path), CONTEXT).allow
    expect(may('write', '/team/a')).toBe(true)
    expect(may('read', '/team/a')).toBe(false)
    expect(may('list', '/team')).toBe(false)
    expect(may('stat', '/team/a')).toBe(false)
    expect(may('stat', '/team')).toBe(true)
  })
})

const ACTIONS: readonly Action[] = [
  'list',
  'stat',
  'read',
  'write',
  'mkdir',
  'copy_from',
  'copy_to',
  'rename_from',
  'rename_to',
  'delete',
  'purge',
  'folder_create',
  'folder_rename_from',
  'folder_rename_to',
  'folder_delete',
  'folder_purge',
  'administer',
]
const DOORS = ['webdav', 'sftp', 'ftp', 's3', 'rest'] as const

const anyPath = fc
  .array(fc.constantFrom('a', 'ab', 'b', 'team'), { maxLength: 4 })
  .map((names) => parsePath(`/${names.join('/')}`))
const anyGrant = fc.record({
  path: anyPath,
  recursive: fc.boolean(),
  rights: fc.integer({ min: 0, max: 127 }),
})
const anyPrincipal = fc
  .record({
    role: fc.constantFrom('administrator' as const, 'member' as const),
    scopes: fc.integer({ min: 0, max: ALL_SCOPES }),
    grants: fc.array(anyGrant, { maxLength: 4 }),
    basePath: anyPath,
    storages: fc.option(fc.subarray(['m1', 'm2'])),
    expiresAt: fc.option(fc.integer({ min: NOW - 2, max: NOW + 2 })),
  })
  .map((more) => member(more))
const anyContext = fc.record({
  door: fc.constantFrom(...DOORS),
  address: fc.constantFrom('127.0.0.1', '10.1.1.1'),
  now: fc.constant(NOW),
  mount: fc.constantFrom('m1', 'm2', null),
  tree: fc.boolean(),
})

describe('decide(): properties', () => {
  test('adding a restriction never allows more', () => {
    const restriction = fc.oneof(
      fc
        .constantFrom(...Object.values(SCOPE_BITS))
        .map((bit) => (p: Principal) => ({ ...p, scopes: p.scopes & ~bit })),
      fc.nat(3).map((i) => (p: Principal) => ({ ...p, grants: p.grants.toSpliced(i, 1) })),
      fc.constant((p: Principal) => ({ ...p, grants: p.grants.map((g) => ({ ...g, recursive: false })) })),
      fc.constantFrom(...Object.values(RIGHT_BITS)).map((bit) => (p: Principal) => ({
        ...p,
        grants: p.grants.map((g) => ({ ...g, rights: g.rights & ~bit })),
      })),
      fc.constant((p: Principal) => ({ ...p, role: 'member' as const })),
      fc.constant((p: Principal) => ({ ...p, storages: p.storages?.slice(1) ?? ['m2'] })),
      fc.constant((p: Principal) => ({ ...p, conditions: [{ doors: ['ftp' as const] }] })),
      fc.constant((p: Principal) => ({ ...p, conditions: [{ deny: ['10.0.0.0/8'] }] })),
      fc.constant((p: Principal) => ({ ...p, expiresAt: NOW })),
      fc.constantFrom('a', 'b').map((name) => (p: Principal) => ({
        ...p,
        basePath: parsePath(`${p.basePath}/${name}`.replace('//', '/')),
      })),
    )
    fc.assert(
      fc.property(
        anyPrincipal,
        restriction,
        fc.constantFrom(...ACTIONS),
        anyPath,
        anyContext,
        (p, restrict, action, path, context) => {
          const narrowed = decide(restrict(p), action, path, context)
          // Walking to a narrower base path sees no more than names on the way, which it saw before.
          if (narrowed.allow && !narrowed.partial) expect(decide(p, action, path, context).allow).toBe(true)
          if (narrowed.allow && narrowed.partial) expect(leadsToGrant(restrict(p), path)).toBe(true)
        },
      ),
      { numRuns: 20_000 },
    )
  })

  test('K1: a key is never wider than its user', () => {
    fc.assert(
      fc.property(
        anyPrincipal,
        fc.constantFrom(...ACTIONS),
        anyPath,
        anyContext,
        (key, action, path, context) => {
          const user = { ...key, scopes: ALL_SCOPES, basePath: ROOT, storages: null, expiresAt: null }
          const decision = decide(key, action, path, context)
          if (decision.allow) expect(decide(user, action, path, context).allow).toBe(true)
        },
      ),
      { numRuns: 10_000 },
    )
  })

  test('a purge needs both scopes', () => {
    fc.assert(
      fc.property(anyPrincipal, anyPath, anyContext, (p, path, context) => {
        if (!decide(p, 'purge', path, context).allow) return
        expect(p.scopes & SCOPE_BITS['files.delete']).toBeTruthy()
        expect(p.scopes & SCOPE_BITS['files.purge']).toBeTruthy()
      }),
      { numRuns: 10_000 },
    )
  })

  test('nothing outside of the base path is ever read or changed', () => {
    fc.assert(
      fc.property(
        anyPrincipal,
        fc.constantFrom(...ACTIONS),
        anyPath,
        anyContext,
        (p, action, path, context) => {
          const decision = decide(p, action, path, context)
          if (!decision.allow || decision.partial || action === 'administer') return
          expect(path === p.basePath || p.basePath === '/' || path.startsWith(`${p.basePath}/`)).toBe(true)
        },
      ),
      { numRuns: 10_000 },
    )
  })

  test('the rights used are held on the path', () => {
    fc.assert(
      fc.property(anyPrincipal, anyPath, anyContext, (p, path, context) => {
        if (!decide(p, 'write', path, context).allow) return
        expect(p.grants.some((g) => (g.rights & rightsOf('write')) !== 0)).toBe(true)
      }),
      { numRuns: 5_000 },
    )
  })
})
