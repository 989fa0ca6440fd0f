import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { LEVELS } from '#permissions/grants.ts'
import { ALL_SCOPES, scopesOf } from '#permissions/scopes.ts'
import type { RunningDoor } from '#protocols/protocol.ts'
import { type IssueOptions, startWorld, type World } from '#test/world.ts'
import { download, loginRaw } from './raw-client.ts'

let world: World
let door: RunningDoor

beforeAll(async () => {
  world = await startWorld()
  door = await world.start('ftp')
  await mkdir(join(world.root, 'top/sub/deep'), { recursive: true })
  await writeFile(join(world.root, 'top/file'), 'x')
  await writeFile(join(world.root, 'top/sub/file'), 'x')
})

afterAll(() => world[Symbol.asyncDispose]())

/** `perm` of each member of a folder, as MLSD tells it, and that of the folder itself, as MLST does. */
async function perms(options: IssueOptions, folder: string): Promise<Record<string, string>> {
  using client = await loginRaw(door.port, await world.issue(options))
  const text = `${await client.command(`MLST ${folder}`)}\r\n${await download(client, `MLSD ${folder}`)}`
  return Object.fromEntries(
    [...text.matchAll(/perm=(\w*);[^ ]* ([^\r]+)/g)].map(([, perm = '', name = '']) => [name, perm]),
  )
}

const readOnly = LEVELS.get('readonly') ?? 0
const full = LEVELS.get('full') ?? 0

describe('the perm fact (RFC 3659 §7.5.5)', () => {
  test('a key that may do everything may do everything, save with top-level folders', async () => {
    expect(await perms({}, '/top')).toEqual({
      '/top': 'cdeflmp',
      file: 'adfrw',
      sub: 'cdeflmp',
    })
    const member: IssueOptions = { user: 'eve', role: 'member', grants: [{ path: '/', rights: full }] }
    expect((await perms(member, '/top'))['/top']).toBe('celmp')
  })

  test('scopes narrow it', async () => {
    const reader = scopesOf('ftp', 'files.list', 'files.read')
    expect(await perms({ scopes: reader }, '/top')).toEqual({ '/top': 'el', file: 'r', sub: 'el' })
    const noDelete = ALL_SCOPES & ~scopesOf('files.delete')
    expect(await perms({ scopes: noDelete }, '/top/sub')).toEqual({
      '/top/sub': 'ceflm',
      file: 'afrw',
      deep: 'ceflm',
    })
  })

  test('grants narrow it, folder by folder', async () => {
    const grants = [
      { path: '/top', rights: readOnly },
      { path: '/top/sub', rights: full, recursive: false },
    ]
    const ann: IssueOptions = { user: 'ann', role: 'member', grants }
    expect(await perms(ann, '/top')).toMatchObject({ '/top': 'el', file: 'r' })
    // Not recursive: the folder and what lies directly in it, and so no whole tree.
    expect(await perms({ ...ann, grants: [] }, '/top/sub')).toEqual({
      '/top/sub': 'cdelmp',
      file: 'adfrw',
      deep: 'del',
    })
  })

  test('a folder on the way to a granted one may be entered and listed, and no more', async () => {
    const grants = [{ path: '/top/sub/deep', rights: full }]
    expect(await perms({ user: 'bob', role: 'member', grants }, '/top')).toEqual({ '/top': 'el', sub: 'el' })
  })

  test('is not worked out for clients that do not want it', async () => {
    using client = await loginRaw(door.port, await world.issue())
    await client.command('OPTS MLST type;size;')
    expect(await client.command('MLST /top/file')).toContain(' type=file;size=1; /top/file')
  })
})
