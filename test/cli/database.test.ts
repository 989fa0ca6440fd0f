import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { expect, test } from 'vitest'
import { openTerminal } from './terminal.ts'

test('a backup beside running work is whole, private, and never written over what is there', async () => {
  await using terminal = await openTerminal()
  const { dir } = terminal.office
  await terminal.run('user', 'add', 'ann')
  const file = join(dir, 'copy.db')
  expect(await terminal.json('database', 'backup', file)).toEqual({ file })
  expect((await stat(file)).mode & 0o777).toBe(0o600)
  const copy = new Database(file, { readonly: true })
  expect(copy.pragma('integrity_check', { simple: true })).toBe('ok')
  expect(copy.prepare('select count(*) from users where name = ?').pluck().get('ann')).toBe(1)
  copy.close()
  const before = await readFile(file)
  const again = await terminal.run('database', 'backup', file)
  expect(again).toMatchObject({ code: 1, err: expect.stringContaining('is there already') })
  expect(await readFile(file)).toEqual(before)
})
