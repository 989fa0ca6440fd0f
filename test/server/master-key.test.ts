import { mkdtemp, readFile, rm, stat, unlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { newMasterKey } from '#credentials/sealing.ts'
import { openDataFolder } from '#server/data-folder.ts'
import { readMasterKeys, StartError } from '#server/master-key.ts'

const clock = { now: () => Date.now() }
let dir: string

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'latchkey-folder-'))
})
afterEach(() => rm(dir, { recursive: true, force: true }))

async function open(create = true, masterKeys?: string): Promise<void> {
  await using _folder = await openDataFolder(dir, { clock, create, masterKeys })
}

const mode = async (name: string) => (await stat(join(dir, name))).mode & 0o777

describe('data folder', () => {
  test('the first opening makes master key and database, for the owner alone', async () => {
    await open()
    expect(await mode('master.key')).toBe(0o600)
    expect(await mode('latchkey.db')).toBe(0o600)
    expect(await readFile(join(dir, 'master.key'), 'utf8')).toMatch(/^[0-9a-f]{8}:[A-Za-z0-9+/]{43}=\n$/)
  })

  test('the second opening finds them again', async () => {
    await open()
    const before = await readFile(join(dir, 'master.key'), 'utf8')
    await open(false)
    expect(await readFile(join(dir, 'master.key'), 'utf8')).toBe(before)
  })

  test('a missing master key is a refusal, and none is made over existing data', async () => {
    await open()
    await unlink(join(dir, 'master.key'))
    await expect(open()).rejects.toThrow(/master key is missing/)
    await expect(stat(join(dir, 'master.key'))).rejects.toThrow('ENOENT')
  })

  test('a wrong master key is a refusal that says so', async () => {
    await open()
    const { id, bytes } = newMasterKey()
    await writeFile(join(dir, 'master.key'), `${id}:${bytes.toString('base64')}\n`)
    await expect(open()).rejects.toThrow(/does not fit this database/)
    const right = readMasterKeys(dir, undefined)
    await writeFile(
      join(dir, 'master.key'),
      `${right?.[0].id}:${bytes.toString('base64').replace(/^./, 'x')}\n`,
    )
    await expect(open()).rejects.toThrow(StartError)
  })

  test('the environment’s master key goes before the file', async () => {
    const { id, bytes } = newMasterKey()
    const text = `${id}:${bytes.toString('base64')}`
    await open(true, text)
    await expect(stat(join(dir, 'master.key'))).rejects.toThrow('ENOENT')
    await open(false, text)
    await expect(open(false)).rejects.toThrow(/master key is missing/)
  })

  test.each(['', 'abc', '00000000:short', 'zzzzzzzz:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA='])(
    'master key text %j is refused',
    (text) => {
      expect(() => readMasterKeys(dir, text)).toThrow(StartError)
    },
  )

  test('the command line does not make a data folder by accident', async () => {
    await expect(open(false)).rejects.toThrow(/there is no Latchkey data/)
  })
})
