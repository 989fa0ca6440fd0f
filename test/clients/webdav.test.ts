import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ROOT } from '#permissions/path.ts'
import { startWorld, type World, type WorldKey } from '#test/world.ts'
import { program } from './programs.ts'
import { run, succeed } from './run.ts'
import { type Server, startServer } from './server.ts'
import { difference, makeBigFile, makeSmallFiles } from './trees.ts'

let world: World
let key: WorldKey
let url: string
let scratch: string

beforeAll(async () => {
  world = await startWorld()
  key = await world.issue()
  url = `http://127.0.0.1:${(await world.start('webdav')).port}`
  scratch = await mkdtemp(join(tmpdir(), 'latchkey-webdav-clients-'))
})
afterAll(async () => {
  await world[Symbol.asyncDispose]()
  await rm(scratch, { recursive: true, force: true })
})

describe.runIf(program('litmus'))('litmus', () => {
  async function litmus(suite: string): Promise<string> {
    const cwd = await mkdtemp(join(scratch, 'litmus-'))
    const { stdout } = await run('litmus', [`${url}/`, key.login, key.value], { cwd, env: { TESTS: suite } })
    return stdout
  }

  it('basic, copymove, props, locks and http: 104 of 104, without a warning (check 5)', async () => {
    const printed = await litmus('basic copymove props locks http')
    expect(printed).not.toMatch(/WARNING|FAIL|SKIPPED/)
    const passed = [...printed.matchAll(/of (\d+) tests run: (\d+) passed, 0 failed/g)]
    expect(passed.map(([, run, ok]) => [run, ok])).toEqual([
      ['16', '16'],
      ['13', '13'],
      ['30', '30'],
      ['41', '41'],
      ['4', '4'],
    ])
  })
})

describe.runIf(program('rclone')).each(['other', 'owncloud'])('rclone, vendor %s', (vendor) => {
  let env: Record<string, string>

  beforeAll(async () => {
    env = {
      RCLONE_CONFIG: '/dev/null',
      RCLONE_CONFIG_DAV_TYPE: 'webdav',
      RCLONE_CONFIG_DAV_URL: url,
      RCLONE_CONFIG_DAV_VENDOR: vendor,
      RCLONE_CONFIG_DAV_USER: key.login,
      RCLONE_CONFIG_DAV_PASS: (await succeed('rclone', ['obscure', key.value])).trim(),
    }
  })
  const rclone = (...args: string[]) => succeed('rclone', [...args, '--retries', '1'], { env })

  it('copies a tree of odd names there and back, and finds it the same (check 30)', async () => {
    const local = join(scratch, `tree-${vendor}`)
    const back = join(scratch, `back-${vendor}`)
    await makeSmallFiles(local)
    await rclone('copy', local, `dav:${vendor}`)
    expect(await difference(local, join(world.root, vendor))).toBe('')
    await rclone('copy', `dav:${vendor}`, back)
    expect(await difference(local, back)).toBe('')
    await rclone('check', '--download', local, `dav:${vendor}`)
  })

  it('edits, renames, copies on the server and deletes', async () => {
    const folder = `dav:edit-${vendor}`
    const local = join(scratch, `edit-${vendor}.txt`)
    await writeFile(local, 'first')
    await rclone('copyto', local, `${folder}/a #1%.txt`)
    await writeFile(local, 'second and longer')
    await rclone('copyto', local, `${folder}/a #1%.txt`)
    await rclone('moveto', `${folder}/a #1%.txt`, `${folder}/b?.txt`)
    await rclone('copyto', `${folder}/b?.txt`, `${folder}/sub/c.txt`)
    expect(await rclone('cat', `${folder}/sub/c.txt`)).toBe('second and longer')
    await rclone('moveto', `${folder}/sub`, `${folder}/moved`)
    expect((await rclone('lsf', '-R', folder)).trim().split('\n').toSorted()).toEqual([
      'b?.txt',
      'moved/',
      'moved/c.txt',
    ])
    await rclone('purge', folder)
    expect((await run('rclone', ['lsf', folder], { env })).code).not.toBe(0)
  })

  it('tells the room there is', async () => {
    expect(await rclone('about', 'dav:')).toContain('Free:')
  })

  it.runIf(vendor === 'owncloud')('keeps modification times', async () => {
    const local = join(scratch, 'timed.txt')
    await writeFile(local, 'timed')
    await succeed('touch', ['-d', '2017-07-14T02:40:00Z', local])
    await rclone('copyto', local, 'dav:timed.txt')
    expect((await stat(join(world.root, 'timed.txt'))).mtimeMs).toBe(1_500_000_000_000)
  })
})

describe.runIf(program('curl'))('curl', () => {
  const curl = (...args: string[]) => succeed('curl', ['-sS', '-u', `${key.login}:${key.value}`, ...args])

  it('uploads 50 MiB with a length and chunked, reads them back and in ranges', async () => {
    const local = join(scratch, 'big')
    await makeBigFile(local, 50)
    const original = await readFile(local)
    await curl('--fail', '-T', local, `${url}/big`)
    await curl('--fail', '-H', 'Transfer-Encoding: chunked', '-T', local, `${url}/chunked`)
    for (const name of ['big', 'chunked']) {
      await curl('--fail', '-o', join(scratch, 'got'), `${url}/${name}`)
      expect(Buffer.compare(await readFile(join(scratch, 'got')), original)).toBe(0)
    }
    await curl('--fail', '-r', '1000000-2999999', '-o', join(scratch, 'part'), `${url}/big`)
    expect(
      Buffer.compare(await readFile(join(scratch, 'part')), original.subarray(1_000_000, 3_000_000)),
    ).toBe(0)
  })

  it('resumes a download', async () => {
    const part = join(scratch, 'resumed')
    const original = await readFile(join(world.root, 'big'))
    await writeFile(part, original.subarray(0, 12_345))
    await curl('--fail', '-C', '-', '-o', part, `${url}/big`)
    expect(Buffer.compare(await readFile(part), original)).toBe(0)
  })

  it('a wrong key is refused before its 50 MiB are sent', async () => {
    const answer = await succeed('curl', [
      '-sS',
      '-u',
      `${key.login}:wrong`,
      '-H',
      'Expect: 100-continue',
      '--expect100-timeout',
      '30',
      '-T',
      join(scratch, 'big'),
      '-w',
      ' %{http_code} %{size_upload}',
      `${url}/refused`,
    ])
    expect(answer).toMatch(/ 401 0$/)
  })

  it('lists a folder', async () => {
    await mkdir(join(world.root, 'listed', 'inner folder'), { recursive: true })
    const xml = await curl('--fail', '-X', 'PROPFIND', '-H', 'Depth: 1', `${url}/listed`)
    expect(xml).toContain('<D:href>/listed/inner%20folder/</D:href>')
  })
})

describe.runIf(program('cadaver'))('cadaver', () => {
  it('logs in, makes, uploads, renames, locks, lists and deletes', async () => {
    const home = await mkdtemp(join(scratch, 'cadaver-'))
    await writeFile(join(home, '.netrc'), `machine 127.0.0.1 login ${key.login} password ${key.value}\n`, {
      mode: 0o600,
    })
    await writeFile(join(home, 'local.txt'), 'from cadaver')
    const commands = [
      'mkcol cad',
      'cd cad',
      'put local.txt a.txt',
      'lock a.txt',
      'unlock a.txt',
      'move a.txt "b b.txt"',
      'copy "b b.txt" c.txt',
      'delete c.txt',
      'ls',
      'quit',
    ]
    const { stdout } = await run('cadaver', [`${url}/`], {
      cwd: home,
      env: { HOME: home },
      input: `${commands.join('\n')}\n`,
    })
    expect(stdout).not.toMatch(/failed/i)
    expect(stdout).toContain('b b.txt')
    expect(await readFile(join(world.root, 'cad', 'b b.txt'), 'utf8')).toBe('from cadaver')
  })

  it('`edit` locks a file, sends what the editor made of it, and lets go of it again', async () => {
    const home = await mkdtemp(join(scratch, 'cadaver-'))
    await writeFile(join(home, '.netrc'), `machine 127.0.0.1 login ${key.login} password ${key.value}\n`, {
      mode: 0o600,
    })
    // What the editor sees goes to a file, with the answer to an upload without the lock. cadaver sends what has
    // another modification time, in whole seconds.
    const editor = join(home, 'editor')
    const status = `curl -s -o /dev/null -w '%{http_code}' -n -T /dev/null ${url}/edited.txt`
    const script = `#!/bin/sh\ncat "$1" > seen.txt\nHOME=${home} ${status} > refused.txt\nsleep 1.1\nprintf second > "$1"\n`
    await writeFile(editor, script, { mode: 0o755 })
    await writeFile(join(world.root, 'edited.txt'), 'first')
    const { stdout } = await run('cadaver', [`${url}/`], {
      cwd: home,
      env: { HOME: home, EDITOR: editor },
      input: 'edit edited.txt\nls\nquit\n',
    })
    expect(stdout).not.toMatch(/failed/i)
    expect(await readFile(join(home, 'seen.txt'), 'utf8')).toBe('first')
    expect(await readFile(join(home, 'refused.txt'), 'utf8')).toBe('423')
    expect(await readFile(join(world.root, 'edited.txt'), 'utf8')).toBe('second')
    expect(await world.folder.records.locks.find(world.site.id, { paths: [], below: ROOT, now: 0 })).toEqual(
      [],
    )
  })
})

describe.each(['SIGTERM', 'SIGKILL'] as const)('a lock, when the server ends by %s', (signal) => {
  it('binds after the restart as before, for everyone but who has its token', async () => {
    const dir = await mkdtemp(join(scratch, 'restart-'))
    const lockBody =
      '<lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope><locktype><write/></locktype></lockinfo>'
    const before = await startServer({ dir })
    const to = ({ demo }: Server, method: string, headers: Record<string, string>, body: string) =>
      fetch(`${demo.webdav}/demo/locked.txt`, {
        method,
        headers: { authorization: `Basic ${btoa(`${demo.login}:${demo.value}`)}`, ...headers },
        body,
      })
    expect((await to(before, 'PUT', {}, 'first')).status).toBe(201)
    const taken = await to(before, 'LOCK', { timeout: 'Second-600' }, lockBody)
    expect(taken.status).toBe(200)
    const token = taken.headers.get('lock-token') ?? ''
    await before.stop(signal)
    await using after = await startServer({ dir })
    expect((await to(after, 'PUT', {}, 'second')).status).toBe(423)
    expect((await to(after, 'LOCK', {}, lockBody)).status).toBe(423)
    expect((await to(after, 'PUT', { if: `(${token})` }, 'third')).status).toBe(204)
    expect((await to(after, 'UNLOCK', { 'lock-token': token }, '')).status).toBe(204)
    expect((await to(after, 'PUT', {}, 'fourth')).status).toBe(204)
  })
})
