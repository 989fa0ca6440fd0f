import { existsSync } from 'node:fs'
import {
  appendFile,
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  rmdir,
  unlink,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ROOT } from '#permissions/path.ts'
import { startWorld, type World, type WorldKey } from '#test/world.ts'
import { program } from './programs.ts'
import { run, succeed } from './run.ts'
import { difference, makeBigFile, makeSmallFiles } from './trees.ts'

const canMount = program('mount.davfs') && existsSync('/dev/fuse') && process.getuid?.() === 0

let world: World
let key: WorldKey
let url: string
let scratch: string
let mounted: string

async function mount(): Promise<void> {
  const config = join(scratch, 'davfs2.conf')
  const cache = join(scratch, 'cache')
  await mkdir(cache, { recursive: true })
  // mount.davfs works as a user of its own.
  await chmod(scratch, 0o755)
  await chmod(cache, 0o777)
  // Uploads go at once, and the cache of the mount before is not asked.
  const settings = [`cache_dir ${cache}`, 'delay_upload 0', 'use_locks 1', 'ask_auth 1']
  await writeFile(config, `${settings.join('\n')}\n`)
  await succeed('mount', ['-t', 'davfs', '-o', `conf=${config},dir_mode=755`, url, mounted], {
    input: `${key.login}\n${key.value}\n`,
  })
}

async function unmount(): Promise<void> {
  await succeed('umount', [mounted])
  await rm(join(scratch, 'cache'), { recursive: true, force: true })
}

beforeAll(async () => {
  world = await startWorld()
  key = await world.issue()
  url = `http://127.0.0.1:${(await world.start('webdav')).port}/`
  scratch = await mkdtemp(join(tmpdir(), 'latchkey-davfs2-'))
  mounted = join(scratch, 'mounted')
  await mkdir(mounted)
  if (canMount) await mount()
})
afterAll(async () => {
  if (canMount) await run('umount', ['-l', mounted])
  await world[Symbol.asyncDispose]()
  await rm(scratch, { recursive: true, force: true })
})

const onServer = (name: string) => readFile(join(world.root, name), 'utf8')

/** Writes are done on the server a moment after they are in the mount. */
async function reads(name: string, content: string): Promise<void> {
  await expect.poll(() => onServer(name).catch(() => ''), { timeout: 20_000 }).toBe(content)
}

describe.runIf(canMount)('a davfs2 mount (check 30)', () => {
  it('writes, appends to and overwrites a file', async () => {
    const file = join(mounted, 'notes ü.txt')
    await writeFile(file, 'one\n')
    await reads('notes ü.txt', 'one\n')
    await appendFile(file, 'two\n')
    await reads('notes ü.txt', 'one\ntwo\n')
    await writeFile(file, 'three\n')
    await reads('notes ü.txt', 'three\n')
  })

  it("takes an editor's way to save: a temporary file, renamed over the old one", async () => {
    const file = join(mounted, 'edited.txt')
    await writeFile(file, 'before')
    await reads('edited.txt', 'before')
    await writeFile(`${file}~`, 'after')
    await rename(`${file}~`, file)
    await reads('edited.txt', 'after')
    expect(await readFile(file, 'utf8')).toBe('after')
    expect(existsSync(join(world.root, 'edited.txt~'))).toBe(false)
  })

  it('copies and renames a tree, and has it all after a new mount', async () => {
    const local = join(scratch, 'local')
    await makeSmallFiles(local, 60)
    await makeBigFile(join(local, 'big'), 5)
    await succeed('cp', ['-r', local, join(mounted, 'tree')])
    await rename(join(mounted, 'tree'), join(mounted, 'renamed tree'))
    await unmount()
    expect(await difference(local, join(world.root, 'renamed tree'))).toBe('')
    await mount()
    for (const name of await filesIn(local)) {
      const found = await readFile(join(mounted, 'renamed tree', name))
      expect(Buffer.compare(found, await readFile(join(local, name))), name).toBe(0)
    }
  })

  it('deletes a tree, and leaves no lock behind', async () => {
    const tree = join(world.root, 'renamed tree')
    for (const name of await filesIn(tree)) await unlink(join(mounted, 'renamed tree', name))
    const folders = await readdir(tree, { recursive: true })
    for (const name of [...folders.toSorted().reverse(), '.']) {
      await rmdir(join(mounted, 'renamed tree', name))
    }
    expect(existsSync(tree)).toBe(false)
    await unmount()
    const { locks } = world.folder.records
    const query = { paths: [], below: ROOT, now: world.clock.now() }
    expect(await locks.find(world.site.id, query)).toEqual([])
    await mount()
  })
})

/** Names of all files below a folder. Asked of the real one: davfs2 1.6 cannot list on kernels as new as 6.18. */
async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => relative(folder, join(parentPath, name)))
}
