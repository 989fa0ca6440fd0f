import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { link, mkdir, readdir, readFile, rename, stat, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { at, expectFault, type FilesWorld, get, names, put, startFiles } from './setup.ts'

let world: FilesWorld
let outside: string
beforeEach(async () => {
  world = await startFiles()
  outside = join(world.root, '../outside')
  await mkdir(join(outside, 'sub'), { recursive: true })
  await writeFile(join(outside, 'precious'), 'precious')
})
afterEach(async () => {
  expect(await readFile(join(outside, 'precious'), 'utf8')).toBe('precious')
  await world[Symbol.asyncDispose]()
})

const REPLACE = { overwrite: true }

describe('SFTP 19, WebDAV 9: links do not exist', () => {
  test('a link to a file outside is not listed, read, written, renamed or removed', async () => {
    const { files } = world.as()
    await symlink(join(outside, 'precious'), join(world.root, 'link'))
    await put(files, '/a', 'a')
    expect(await names(files, '/')).toEqual(['a'])
    await expectFault(files.stat(at('/link')), 'not_found')
    await expectFault(files.open(at('/link')), 'not_found')
    await expectFault(files.edit(at('/link')), 'not_found')
    await expectFault(files.remove(at('/link')), 'not_found')
    await expectFault(files.rename(at('/link'), at('/b'), REPLACE), 'not_found')
    await expectFault(files.copy(at('/link'), at('/b'), REPLACE), 'not_found')
    await expectFault(files.setModified(at('/link'), 0), 'not_found')
    await expectFault(put(files, '/link', 'x'), 'forbidden')
    await expectFault(files.rename(at('/a'), at('/link'), REPLACE), 'forbidden')
    await expectFault(files.copy(at('/a'), at('/link'), REPLACE), 'forbidden')
  })

  test('a link to a folder is no way out, in the middle of a path or at its end', async () => {
    const { files } = world.as()
    await symlink(outside, join(world.root, 'out'))
    await put(files, '/a', 'a')
    for (const path of ['/out', '/out/precious', '/out/sub', '/out/new']) {
      await expectFault(files.stat(at(path)), 'not_found')
      await expectFault(files.list(at(path)), 'not_found')
      await expectFault(files.open(at(path)), 'not_found')
      await expectFault(files.remove(at(path), { tree: true }), 'not_found')
    }
    await expectFault(files.create(at('/out/new')), 'no_parent')
    await expectFault(files.mkdir(at('/out/new')), 'no_parent')
    await expectFault(files.rename(at('/a'), at('/out/new'), REPLACE), 'no_parent')
    await expectFault(files.copy(at('/a'), at('/out/new'), REPLACE), 'no_parent')
    await expectFault(files.rename(at('/out/precious'), at('/b'), REPLACE), 'not_found')
  })

  test('a link to a place inside does not exist either', async () => {
    const { files } = world.as()
    await files.mkdir(at('/d'))
    await put(files, '/d/a', 'a')
    await symlink('d', join(world.root, 'same'))
    await expectFault(files.open(at('/same/a')), 'not_found')
    await expectFault(files.list(at('/same')), 'not_found')
  })

  test('a copy of a tree leaves links out', async () => {
    const { files } = world.as()
    await files.mkdir(at('/d'))
    await put(files, '/d/a', 'a')
    await symlink(outside, join(world.root, 'd/out'))
    await symlink(join(outside, 'precious'), join(world.root, 'd/link'))
    await files.copy(at('/d'), at('/e'), { overwrite: false })
    expect(await names(files, '/e')).toEqual(['a'])
  })

  test('a hidden folder that is a link is not used', async () => {
    await symlink(outside, join(world.root, '.latchkey'))
    await expectFault(world.as().files.create(at('/a')), 'unavailable')
  })

  test('a FIFO, a socket: not there, and nothing waits for them', async () => {
    const { files } = world.as()
    await promisify(execFile)('mkfifo', [join(world.root, 'fifo')])
    const server = createServer().listen(join(world.root, 'socket'))
    await new Promise((resolve) => server.once('listening', resolve))
    expect(await names(files, '/')).toEqual([])
    for (const path of ['/fifo', '/socket']) {
      await expectFault(files.open(at(path)), 'not_found')
      await expectFault(files.stat(at(path)), 'not_found')
      await expectFault(put(files, path, 'x'), 'forbidden')
    }
    await new Promise((resolve) => server.close(resolve))
  })

  test('a hard link is a file like any other; overwriting it leaves the other name alone', async () => {
    const { files } = world.as()
    await link(join(outside, 'precious'), join(world.root, 'hard'))
    expect(await get(files, '/hard')).toBe('precious')
    await put(files, '/hard', 'new')
    await using upload = await files.edit(at('/hard'))
    await upload.write([Buffer.from('N')], 0)
    await upload.commit()
    expect(await get(files, '/hard')).toBe('New')
  })
})

// In a process of its own, so that it comes between any two system calls.
const SWAPPING = `
  const { renameSync } = require('node:fs')
  process.chdir(process.argv[1])
  for (;;) {
    renameSync('d', 'kept'); renameSync('swap', 'd')
    renameSync('d', 'swap'); renameSync('kept', 'd')
  }`

function swapper(folder: string): AsyncDisposable {
  const child = spawn(process.execPath, ['-e', SWAPPING, folder], { stdio: 'ignore' })
  return {
    async [Symbol.asyncDispose]() {
      expect(child.exitCode).toBeNull()
      child.kill('SIGKILL')
      await once(child, 'exit')
    },
  }
}

test('a link swapped in for a folder again and again lets nothing out and nothing in', async () => {
  const { files } = world.as()
  await mkdir(join(outside, 'in/sub'), { recursive: true })
  await writeFile(join(outside, 'in/precious'), 'outside')
  await mkdir(join(world.root, 'd/in'), { recursive: true })
  await writeFile(join(world.root, 'd/in/precious'), 'inside')
  await symlink(outside, join(world.root, 'swap'))
  await using _swapping = swapper(world.root)
  let read = 0
  for (let i = 0; i < 5000 && (i < 300 || read < 10); i++) {
    const seen = await get(files, '/d/in/precious').catch(() => null)
    if (seen !== null) expect(seen).toBe('inside')
    if (seen !== null) read++
    await put(files, '/d/in/new', 'x').catch(() => {})
    await files.remove(at('/d/in/sub')).catch(() => {})
    await files.mkdir(at('/d/in/made')).catch(() => {})
    await files.setModified(at('/d/in/precious'), 1_000).catch(() => {})
    expect(await names(files, '/d/in').catch(() => [])).not.toContain('sub/')
  }
  expect(read).toBeGreaterThan(0)
  expect((await readdir(join(outside, 'in'))).sort()).toEqual(['precious', 'sub'])
  expect(await readFile(join(outside, 'in/precious'), 'utf8')).toBe('outside')
  expect((await stat(join(outside, 'in/precious'))).mtimeMs).not.toBe(1_000)
})

test('files that are replaced all the time are always found', async () => {
  const { files } = world.as()
  await files.mkdir(at('/d'))
  await put(files, '/d/a', '0')
  let running = true
  const writing = (async () => {
    for (let i = 0; running; i++) await put(files, '/d/a', `${i}`)
  })()
  for (let i = 0; i < 500; i++) {
    expect((await files.stat(at('/d/a'))).kind).toBe('file')
    expect(await get(files, '/d/a')).toMatch(/^\d+$/)
  }
  running = false
  await writing
})

describe('names', () => {
  test('a name that is not valid UTF-8 does not exist, and goes with its folder', async () => {
    const { files } = world.as()
    await files.mkdir(at('/d'))
    await writeFile(Buffer.concat([Buffer.from(join(world.root, 'd/')), Buffer.from([0x61, 0xff])]), 'x')
    await put(files, '/d/ok', '')
    expect(await names(files, '/d')).toEqual(['ok'])
    await files.remove(at('/d'), { tree: true })
    await world.service[Symbol.asyncDispose]()
    expect(await world.staged()).toEqual([])
  })

  test.each(['a\0b', '..', '.', 'x'.repeat(300), '\ud800'])(
    '%j is refused before any file is asked',
    (name) => {
      expect(() => at(`/${name}`)).toThrowError(expect.objectContaining({ code: 'invalid' }))
    },
  )

  test.each([
    ' ',
    'a b+ü&=?#%25\'()*!~$"\\',
    '\n',
    '-',
    '~',
    '…',
    '\u{1f600}',
    'x'.repeat(255),
    '.hidden',
    'con',
  ])('%j is kept as it is', async (name) => {
    const { files } = world.as()
    await put(files, `/${name}`, name)
    expect(await names(files, '/')).toEqual([name])
    expect(await get(files, `/${name}`)).toBe(name)
    await files.remove(at(`/${name}`))
  })
})

test('the storage that is not there is unavailable, not empty', async () => {
  const { files } = world.as()
  await put(files, '/a', 'a')
  await rename(world.root, `${world.root}-away`)
  await expectFault(files.stat(at('/a')), 'unavailable')
  await expectFault(files.list(at('/')), 'unavailable')
  await expectFault(files.create(at('/b')), 'unavailable')
  await rename(`${world.root}-away`, world.root)
  expect(await get(files, '/a')).toBe('a')
})
