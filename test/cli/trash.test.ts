import { access, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parsePath } from '#permissions/path.ts'
import { openTerminal, type Terminal } from './terminal.ts'

let terminal: Terminal
let folder: string
beforeAll(async () => {
  terminal = await openTerminal(200)
  folder = join(terminal.office.dir, 'bin')
  await mkdir(folder)
})
afterAll(() => terminal[Symbol.asyncDispose]())

async function listed(...argv: string[]): Promise<{ id: string; path: string }[]> {
  return (await terminal.json('trash', 'list', ...argv)) as { id: string; path: string }[]
}

describe('F3: the trash on the command line', () => {
  test('list, restore, purge, empty', async () => {
    expect(await terminal.run('trash', 'list')).toMatchObject({ code: 0, out: 'The trash is empty.\n' })
    const files = terminal.files(terminal.office.site)
    for (const name of ['a', 'b', 'c']) {
      await writeFile(join(folder, name), name)
      await files.remove(parsePath(`/bin/${name}`))
    }
    const all = await listed('--folder', '/bin')
    expect(all.map(({ path }) => path).sort()).toEqual(['/bin/a', '/bin/b', '/bin/c'])
    const idOf = (path: string) => all.find((one) => one.path === path)?.id ?? 'none'
    const shown = await terminal.run('trash', 'list', '--limit', '2')
    expect(shown.out.split('\n')).toHaveLength(4)
    const back = await terminal.run('trash', 'restore', idOf('/bin/a'), '--to', '/bin/sub/a')
    expect(back).toMatchObject({ code: 0, out: '/bin/sub/a is back.\n' })
    expect(await readFile(join(folder, 'sub/a'), 'utf8')).toBe('a')
    expect((await terminal.run('trash', 'purge', idOf('/bin/b'))).code).toBe(0)
    expect(await terminal.run('trash', 'purge', idOf('/bin/b'))).toMatchObject({
      code: 1,
      err: expect.stringContaining('no such file'),
    })
    expect(await terminal.json('trash', 'empty')).toEqual({ purged: 1 })
    expect(await listed()).toEqual([])
  })

  test('file purge goes past the trash', async () => {
    await writeFile(join(folder, 'd'), 'd')
    expect((await terminal.run('file', 'purge', '/bin/d')).code).toBe(0)
    await expect(access(join(folder, 'd'))).rejects.toThrow()
    expect(await listed()).toEqual([])
  })

  test('mount set says for how many days deleted files are kept; 0 for none', async () => {
    const set = await terminal.json('mount', 'set', '/', '--trash-days', '0')
    expect(set).toMatchObject({ path: '/', trash_days: 0 })
    expect(await terminal.json('mount', 'set', '/', '--trash-days', '7')).toMatchObject({ trash_days: 7 })
    expect((await terminal.run('mount', 'set', '/', '--trash-days', '9999')).code).toBe(2)
    expect((await terminal.run('mount', 'set', '/')).code).toBe(2)
  })
})

test('D6: key allowed says yes, or no with the reason', async () => {
  await terminal.run('key', 'create', 'reader', '--user', 'mia', '--scopes', 'read_only')
  const ask = (...argv: string[]) =>
    terminal.run(
      'key',
      'allowed',
      'reader',
      '--door',
      'sftp',
      '--address',
      '10.0.0.1',
      '--path',
      '/x',
      ...argv,
    )
  expect(await ask('--action', 'write')).toMatchObject({ code: 0, out: 'no: scope\n' })
  expect(await ask('--action', 'read')).toMatchObject({ code: 0, out: 'no: grant\n' })
  await terminal.run('grant', 'add', '--user', 'mia', '--path', '/x', '--rights', 'readonly')
  expect(await ask('--action', 'read')).toMatchObject({ code: 0, out: 'yes\n' })
  await terminal.run('key', 'disable', 'reader')
  expect(await ask('--action', 'read')).toMatchObject({ code: 0, out: 'no: key_disabled\n' })
  expect(await ask('--action', 'fly')).toMatchObject({ code: 2, err: expect.stringContaining('one of list') })
})
