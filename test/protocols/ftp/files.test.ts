import { mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable, Writable } from 'node:stream'
import { Client } from 'basic-ftp'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { RunningDoor } from '#protocols/protocol.ts'
import { startWorld, type World, type WorldKey } from '#test/world.ts'
import { download, loginRaw, type RawClient, upload } from './raw-client.ts'

let world: World
let key: WorldKey
let door: RunningDoor
let client: RawClient

beforeAll(async () => {
  world = await startWorld()
  key = await world.issue()
  door = await world.start('ftp')
})

afterAll(async () => {
  await world[Symbol.asyncDispose]()
})

beforeEach(async () => {
  client = await loginRaw(door.port, key)
  return () => client[Symbol.dispose]()
})

function real(...names: string[]): string {
  return join(world.root, ...names)
}

describe('folders', () => {
  test('they are made, entered, left and removed, and the X forms do the same', async () => {
    expect(await client.command('MKD a "b"')).toBe('257 "/a ""b""" was made')
    expect(await client.command('CWD a "b"')).toMatch(/^250 /)
    expect(await client.command('XMKD c')).toBe('257 "/a ""b""/c" was made')
    expect(await client.command('XCWD c')).toMatch(/^250 /)
    expect(await client.command('XPWD')).toMatch(/^257 "\/a ""b""\/c" /)
    expect(await client.command('CDUP')).toMatch(/^250 /)
    expect(await client.command('XRMD c')).toMatch(/^250 /)
    expect(await client.command('XCUP')).toMatch(/^250 /)
    expect(await client.command('RMD a "b"')).toMatch(/^250 /)
    expect(await client.command('CWD a "b"')).toMatch(/^550 /)
  })

  test('a folder with something in it stays, and neither RMD nor DELE take the other kind', async () => {
    await mkdir(real('full'))
    await writeFile(real('full', 'file'), 'x')
    expect(await client.command('RMD full')).toMatch(/^550 /)
    expect(await client.command('RMD full/file')).toMatch(/^550 /)
    expect(await client.command('DELE full')).toMatch(/^550 /)
    expect(await client.command('RETR full')).toMatch(/^550 /)
    expect(await client.command('STOR full')).toMatch(/^550 /)
    expect(await client.command('APPE full')).toMatch(/^550 /)
    expect(await client.command('SIZE full')).toMatch(/^550 /)
    expect(await client.command('HASH full')).toMatch(/^550 /)
    expect(await client.command('CWD full/file')).toMatch(/^550 /)
    expect(await client.command('MKD full')).toMatch(/^550 /)
    expect(await client.command('MKD none/below')).toMatch(/^550 /)
    expect(await client.command('DELE full/file')).toMatch(/^250 /)
    expect(await client.command('RMD full')).toMatch(/^250 /)
  })

  test('no way leads out of the tree, and no answer names a server path (check 11)', async () => {
    await symlink('/etc', real('link'))
    await symlink('/etc/hostname', real('file-link'))
    const answers = [
      await client.command('CWD ../../../..'),
      await client.command('PWD'),
      await client.command('RETR ../../../etc/passwd'),
      await client.command('RETR link/passwd'),
      await client.command('RETR file-link'),
      await client.command('CWD link'),
      await client.command('SIZE link/passwd'),
      await client.command('MDTM a\0b'),
      await client.command('RETR a\0b'),
      await client.command(`RETR ${'n'.repeat(300)}`),
      await client.command('STAT /link/'),
    ]
    expect(answers.map((answer) => answer.slice(0, 3))).toEqual(['250', '257', ...Array(9).fill('550')])
    expect(answers[1]).toBe('257 "/" is the current folder')
    expect(answers.join('\n')).not.toContain(world.root)
    await client.openData()
    expect(await client.command('STOR a\0b')).toMatch(/^553 /)
    expect(await client.command(`STOR ${'n'.repeat(300)}`)).toMatch(/^553 /)
    expect(await client.command('STOR link/evil')).toMatch(/^550 /)
    expect((await download(client, 'LIST')).toString()).not.toContain('link')
  })
})

describe('renaming', () => {
  test('a file is renamed, replaces a file, and never a folder', async () => {
    await writeFile(real('one'), 'one')
    await writeFile(real('two'), 'two')
    await mkdir(real('dir'))
    expect(await client.command('RNFR one')).toMatch(/^350 /)
    expect(await client.command('RNTO two')).toMatch(/^250 /)
    expect(await readFile(real('two'), 'utf8')).toBe('one')
    await client.command('RNFR two')
    expect(await client.command('RNTO dir')).toMatch(/^550 /)
    await client.command('RNFR two')
    expect(await client.command('RNTO dir/two')).toMatch(/^250 /)
    expect(await readdir(real('dir'))).toEqual(['two'])
  })

  test('RNTO holds only right behind RNFR of something that is there', async () => {
    await writeFile(real('here'), 'x')
    expect(await client.command('RNTO there')).toMatch(/^503 /)
    expect(await client.command('RNFR missing')).toMatch(/^550 /)
    await client.command('RNFR here')
    await client.command('NOOP')
    expect(await client.command('RNTO there')).toMatch(/^503 /)
  })
})

describe('times (check 7)', () => {
  test('MFMT sets what MDTM and the modify fact tell', async () => {
    await writeFile(real('timed'), 'x')
    expect(await client.command('MFMT 20200229123456 timed')).toBe('213 Modify=20200229123456; timed')
    expect(await client.command('MDTM timed')).toBe('213 20200229123456')
    expect(await client.command('MLST timed')).toContain('modify=20200229123456;')
    expect((await stat(real('timed'))).mtimeMs).toBe(Date.UTC(2020, 1, 29, 12, 34, 56))
    expect(await client.command('MFMT 20209999123456 timed')).toMatch(/^501 /)
    expect(await client.command('MDTM missing')).toMatch(/^550 /)
  })
})

const NAMES = [
  ' lead',
  'trail ',
  'a  b',
  "it's",
  '"quoted"',
  'üñí 日本 🗝️',
  '#%?&+;=',
  '-la',
  '[x]*',
  '~',
  'x;y z',
]

describe('names (check 7)', () => {
  test.each(NAMES)('%j goes up, is listed, and comes down under its own name', async (name) => {
    expect(await upload(client, `STOR ${name}`, Buffer.from(name))).toMatch(/^226 /)
    expect(await readFile(real(name), 'utf8')).toBe(name)
    expect((await download(client, `RETR ${name}`)).toString()).toBe(name)
    expect((await download(client, 'NLST')).toString().split('\r\n')).toContain(name)
    const facts = (await download(client, 'MLSD')).toString().split('\r\n')
    expect(facts.some((line) => line.endsWith(`; ${name}`))).toBe(true)
    expect(await client.command(`DELE ${name}`)).toMatch(/^250 /)
  })

  test('a name with line ends breaks neither replies nor listings', async () => {
    await mkdir(real('evil\r\n250 yes'))
    await writeFile(real('evil\r\n250 yes', 'in\nside'), 'x')
    const lines = (await download(client, 'LIST')).toString().split('\r\n')
    expect(lines.filter((line) => line.endsWith('evil??250 yes'))).toHaveLength(1)
    expect(lines.filter((line) => line.startsWith('250'))).toHaveLength(0)
    const status = await client.command('STAT /')
    expect(status).toContain('evil??250 yes')
    expect(await client.command('NOOP')).toMatch(/^200 /)
  })
})

describe('listings', () => {
  test('options are ignored, a file lists itself, an empty folder lists nothing', async () => {
    await mkdir(real('empty'))
    await writeFile(real('single'), 'abc')
    for (const command of ['LIST single', 'LIST -l single', 'LIST -a -l  single', 'LIST -la /single']) {
      expect((await download(client, command)).toString(), command).toMatch(/^-rw.* 3 .* single\r\n$/)
    }
    expect((await download(client, 'LIST -a empty')).toString()).toBe('')
    expect((await download(client, 'NLST single')).toString()).toBe('single\r\n')
    expect(await client.command('LIST missing')).toMatch(/^550 /)
    expect(await client.command('MLSD single')).toMatch(/^501 /)
    expect(await client.command('MLST empty')).toMatch(
      /^250-.*\r\n type=dir;modify=\d{14};perm=cdeflmp;.* \/empty\r\n250 /,
    )
  })

  test('a big folder is listed whole, by data and by STAT', async () => {
    await mkdir(real('many'))
    const names = Array.from({ length: 3000 }, (_, i) => `file with a long name number ${i}`)
    for (const name of names) await writeFile(real('many', name), '')
    const listed = (await download(client, 'NLST many')).toString().trimEnd().split('\r\n')
    expect(new Set(listed)).toEqual(new Set(names))
    expect((await download(client, 'MLSD many')).toString().trimEnd().split('\r\n')).toHaveLength(3000)
    expect((await client.command('STAT many')).split('\r\n')).toHaveLength(3002)
  })

  test('AVBL tells room in bytes', async () => {
    expect(await client.command('AVBL')).toMatch(/^213 \d+$/)
  })
})

describe('basic-ftp', () => {
  test('does all of its work', async () => {
    using ftp = new BasicClient()
    await ftp.access({ host: '127.0.0.1', port: door.port, user: key.login, password: key.value })
    await ftp.ensureDir('/basic/deep folder')
    await ftp.uploadFrom(Readable.from([Buffer.from('hello')]), 'ü x.txt')
    await ftp.appendFrom(Readable.from([Buffer.from(' world')]), 'ü x.txt')
    const [entry] = await ftp.list()
    expect(entry).toMatchObject({ name: 'ü x.txt', size: 11, isFile: true })
    const chunks: Buffer[] = []
    const sink = new Writable({
      write(chunk, _encoding, done) {
        chunks.push(chunk)
        done()
      },
    })
    await ftp.downloadTo(sink, 'ü x.txt', 6)
    expect(Buffer.concat(chunks).toString()).toBe('world')
    expect(await ftp.size('ü x.txt')).toBe(11)
    expect((await ftp.lastMod('ü x.txt')).getTime()).toBeGreaterThan(Date.now() - 60_000)
    await ftp.rename('ü x.txt', '/basic/renamed')
    await ftp.removeDir('/basic')
    await expect(ftp.size('/basic/renamed')).rejects.toMatchObject({ code: 550 })
  })
})

class BasicClient extends Client implements Disposable {
  [Symbol.dispose](): void {
    this.close()
  }
}
