import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Fault } from '#faults'
import type { Entry, EntryRights, Files } from '#files/types.ts'
import { LEVELS } from '#permissions/grants.ts'
import { childOf } from '#permissions/path.ts'
import { ALL_SCOPES, scopesOf } from '#permissions/scopes.ts'
import { at, type CallerOptions, type FilesWorld, put, startFiles } from './setup.ts'

let world: FilesWorld
let entries: readonly Entry[]

beforeAll(async () => {
  world = await startFiles({ mounts: ['/', '/m', '/ro'] })
  const { files } = world.as()
  for (const path of ['/a', '/a/b', '/a/b/c', '/ro/sub', '/m/sub']) await files.mkdir(at(path))
  const paths = ['/f', '/a/f', '/a/b/f', '/a/b/c/f', '/m/f', '/m/sub/f', '/ro/f', '/ro/sub/f']
  for (const path of paths) await put(files, path, path)
  const { records } = world.stores.mounts
  for (const [index, record] of records.entries()) {
    if (record.id === 'm1') records[index] = { ...record, settings: { ...record.settings, trashDays: 0 } }
    if (record.id === 'm2') records[index] = { ...record, readOnly: true }
  }
  world.service.forgetMounts('s')
  const all = ['/', '/a', '/a/b', '/a/b/c', '/m', '/m/sub', '/ro', '/ro/sub', ...paths]
  entries = await Promise.all(all.map((path) => files.stat(at(path))))
})

afterAll(() => world[Symbol.asyncDispose]())

const full = LEVELS.get('full') ?? 0
const readOnly = LEVELS.get('readonly') ?? 0

const CALLERS: readonly [string, CallerOptions][] = [
  ['an administrator', {}],
  ['a member with all rights', { role: 'member' }],
  ['who may not delete', { scopes: ALL_SCOPES & ~scopesOf('files.delete') }],
  ['who may not purge', { scopes: ALL_SCOPES & ~scopesOf('files.purge') }],
  ['who may only read', { grants: [{ path: '/', rights: readOnly }] }],
  ['with one folder of their own', { role: 'member', grants: [{ path: '/a/b', rights: full }] }],
  [
    'with a folder, but not what is below',
    { role: 'member', grants: [{ path: '/a/b', rights: full, recursive: false }] },
  ],
  ['with a base path', { basePath: at('/a/b') }],
  ['for one storage', { storages: ['m1'] }],
  ['who has no grant', { role: 'member', grants: [] }],
]

/** Nothing has this version: what is allowed ends there, and changes nothing. */
const HARMLESS = { ifVersion: '0'.repeat(32) }

async function isLetIn(work: Promise<unknown>): Promise<boolean> {
  try {
    await work
    return true
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    return !['forbidden', 'not_found', 'unsupported', 'invalid'].includes(error.code)
  }
}

/** What the operations themselves answer. */
async function tried(files: Files, { kind, path }: Entry): Promise<Omit<EntryRights, 'rename'>> {
  const isFolder = kind === 'folder'
  const fresh = childOf(path, 'fresh')
  const dispose = async (opening: Promise<AsyncDisposable>) => (await opening)[Symbol.asyncDispose]()
  return {
    list: await isLetIn(files.list(path, { limit: 1 })),
    read: await isLetIn(dispose(files.open(path))),
    write: !isFolder && (await isLetIn(dispose(files.create(path, HARMLESS)))),
    remove: await isLetIn(files.remove(path, HARMLESS)),
    addFiles: isFolder && (await isLetIn(dispose(files.create(fresh, HARMLESS)))),
    addFolders: isFolder && (await isLetIn(files.mkdir(fresh, HARMLESS))),
    removeFiles: isFolder && (await isLetIn(files.remove(childOf(path, 'f'), HARMLESS))),
  }
}

describe('rights of entries', () => {
  test.each(CALLERS)('are what the operations let them do: %s', async (_, options) => {
    const { files } = world.as(options)
    for (const [index, rights] of (await files.rights(entries)).entries()) {
      const entry = entries[index]
      if (entry === undefined) throw new Error('more rights than entries')
      expect(rights, entry.path).toMatchObject(await tried(files, entry))
    }
  })

  test('rename is the right to take something from where it is', async () => {
    const renamable = async (options: CallerOptions) => {
      const rights = await world.as(options).files.rights(entries)
      return entries.filter((_, index) => rights[index]?.rename).map(({ path }) => path)
    }
    expect(await renamable({ grants: [{ path: '/', rights: readOnly }] })).toEqual([])
    expect(await renamable({ scopes: ALL_SCOPES & ~scopesOf('files.rename') })).toEqual([])
    // Neither mounts nor what is on a storage that cannot be changed; top-level folders for administrators only.
    const inside = ['/a/b', '/a/b/c', '/m/sub', '/f', '/a/f', '/a/b/f', '/a/b/c/f', '/m/f', '/m/sub/f']
    expect(await renamable({ role: 'member' })).toEqual(inside)
    expect(await renamable({})).toEqual(['/a', ...inside])
  })
})
