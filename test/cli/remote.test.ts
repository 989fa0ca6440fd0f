import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { runCli } from '#cli/run.ts'
import { setPassword } from '#identity/users.ts'
import { startWorld, type World } from '#test/world.ts'

/* O2: the command line does the same and prints the same on a data folder and, with --url, over the API. */

type Result = { readonly code: number; readonly out: string; readonly err: string }
type Shell = (argv: readonly string[], input?: string) => Promise<Result>

const KEY = ['key', 'create', 'laptop', '--user', 'anna', '--s3', '--expires', '12h', '--door', 'sftp,ftp']
const ASK = ['key', 'allowed', 'laptop', '--path', '/photos/a.jpg']

/** In this order. What a command reads from standard input stands behind `<`. */
const SSH_KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJfoeSFfyRv4ikfBEMRDoqgIwJF1nb4i8mUDzMB7+BYE anna@desk'

const COMMANDS: readonly (readonly string[])[] = [
  ['user', 'add', 'anna', '--email', 'anna@example.org', '--expires', '2031-01-01'],
  ['user', 'add', 'anna'],
  ['user', 'add', 'ben', '--allow', '127.0.0.0/8'],
  ['user', 'list'],
  ['user', 'show', 'anna'],
  ['user', 'show', 'nobody'],
  ['user', 'set', 'anna', '--home', '/photos', '--window', 'mon-fri 08:00-18:00 Europe/Vienna'],
  ['user', 'disable', 'anna'],
  ['user', 'enable', 'anna'],
  ['user', 'link', 'anna'],
  ['user', 'password', 'anna', '<', 'correct horse battery'],
  ['user', 'password', 'anna', '<', 'short'],
  ['ssh-key', 'add', 'anna', '--name', 'desk', '<', SSH_KEY],
  ['ssh-key', 'list', 'anna'],
  ['ssh-key', 'remove', 'anna', 'none'],
  ['ssh-key', 'remove', 'anna', 'desk'],
  ['group', 'add', 'staff'],
  ['group', 'join', 'staff', 'anna'],
  ['group', 'list'],
  ['group', 'list', '--members', 'staff'],
  ['grant', 'add', '--user', 'anna', '--path', '/photos', '--rights', 'full'],
  ['grant', 'add', '--group', 'staff', '--path', '/team', '--rights', 'list,read', '--no-recursive'],
  ['grant', 'list'],
  ['grant', 'list', '--user', 'anna'],
  ['grant', 'add', '--user', 'anna', '--path', '/photos', '--rights', 'everything'],
  KEY,
  KEY,
  ['key', 'create', 'automation 2', '--type', 'site', '--expires', 'never', '--description', 'jobs'],
  ['key', 'create', 'wrong', '--user', 'nobody'],
  ['key', 'list', '--type', 'user'],
  ['key', 'list', '--user', 'anna', '--state', 'active'],
  ['key', 'show', 'laptop'],
  ['key', 'show', 'nobody'],
  ['key', 'update', 'laptop', '--scopes', 'read_only', '--base-path', '/photos', '--door', 'none'],
  ['key', 'rotate', 'laptop', '--overlap', '1h', '--s3'],
  ['key', 'disable', 'laptop'],
  ['key', 'enable', 'laptop'],
  [...ASK, '--door', 'sftp', '--action', 'read'],
  [...ASK, '--door', 'webdav', '--action', 'write'],
  [...ASK, '--door', 'telnet', '--action', 'read'],
  ['guest', 'create', '--base-path', '/public', '--expires', 'never'],
  ['site', 'list'],
  ['site', 'show', 'main'],
  ['site', 'set', 'main', '--users-may-create-keys', 'yes', '--max-key-lifetime', '365d'],
  ['site', 'set', 'main', '--max-key-lifetime', 'soon'],
  ['session', 'end', 'nothing'],
  ['trash', 'list'],
  ['trash', 'empty'],
  ['key', 'delete', 'laptop'],
  ['group', 'leave', 'staff', 'anna'],
  ['group', 'delete', 'staff'],
  ['user', 'delete', 'anna'],
  ['user', 'list'],
]

let here: World
let there: World
let local: Shell
let remote: Shell

function shell(prefix: readonly string[], world: World, remoteKey: string): Shell {
  return async (argv, input = '') => {
    const said = { out: '', err: '' }
    const code = await runCli([...argv, ...prefix], {
      stdout: (text) => {
        said.out += text
      },
      stderr: (text) => {
        said.err += text
      },
      columns: 400,
      stdin: async () => input,
      remoteKey,
      serve: async () => 9,
      openBackstage: async (dataDir) => ({
        identity: world.identity,
        files: (site) => world.core.files.openForOperator(site, new AbortController().signal),
        masterKeys: nothing(),
        hostKeys: nothing(),
        backup: none,
        dataDir,
        async [Symbol.asyncDispose]() {},
      }),
    })
    return { code, ...said }
  }
}

const none = () => Promise.reject(new Error('not in this test'))
const nothing = () => ({ list: none, rotate: none, forget: none, activate: none, drop: none })

beforeAll(async () => {
  here = await startWorld()
  there = await startWorld()
  for (const world of [here, there]) await world.issue({ type: 'site', name: 'automation' })
  const key = await there.issue({ type: 'site', name: 'of the command line' })
  await here.issue({ type: 'site', name: 'of the command line' })
  const { port } = await there.start('rest')
  local = shell(['--data', '/nowhere'], here, '')
  remote = shell(['--url', `http://127.0.0.1:${port}/`], there, key.value)
}, 120_000)
afterAll(async () => {
  await here[Symbol.asyncDispose]()
  await there[Symbol.asyncDispose]()
})

/** What differs from one run to the next stands aside: ids, secrets, times. */
function plain(text: string): string {
  return text
    .replaceAll(/lk_\S+/g, 'VALUE')
    .replaceAll(/\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?Z?/g, 'TIME')
    .replaceAll(/\b([0-9A-Za-z]{43}|[0-9A-Za-z]{40}|LK[0-9A-Z]{18}|[0-9A-Za-z]{12}|[0-9A-Za-z]{8})\b/g, 'ID')
    .replaceAll(/[ -]+/g, ' ')
}

describe('O2: --url', () => {
  for (const json of [false, true]) {
    test.each(COMMANDS.map((words) => [words.join(' '), words] as const))(
      json ? '%s --json' : '%s',
      async (_, words) => {
        const cut = words.indexOf('<')
        const argv = [...(cut === -1 ? words : words.slice(0, cut)), ...(json ? ['--json'] : [])]
        const input = cut === -1 ? '' : words[cut + 1]
        const expected = await local(argv, input)
        const found = await remote(argv, input)
        expect(found.code, found.err).toBe(expected.code)
        expect(plain(found.out)).toBe(plain(expected.out))
        expect(found.err === '').toBe(expected.err === '')
      },
    )
    // The second round starts where the first one did.
    test('the guest key goes again', async () => {
      for (const run of [local, remote]) {
        await run(['key', 'delete', 'guest'])
        await run(['key', 'delete', 'automation 2'])
        await run(['user', 'delete', 'ben'])
        await run(['site', 'set', 'main', '--users-may-create-keys', 'no', '--max-key-lifetime', 'never'])
      }
    })
  }

  test('mounts: the server makes the folder, and never tells where', async () => {
    const refused = await remote(['mount', 'add', '--path', '/archive', '--folder', '/srv/archive'])
    expect(refused).toMatchObject({ code: 2, err: expect.stringContaining('--folder') })
    expect(await remote(['mount', 'add', '--path', '/archive', '--read-only'])).toMatchObject({ code: 0 })
    const { out } = await remote(['mount', 'list', '--json'])
    expect(JSON.parse(out)).toMatchObject([{ path: '/' }, { path: '/archive', read_only: true }])
    expect(out).not.toContain('folder')
    expect((await remote(['mount', 'set', '/archive', '--writable'])).out).toContain('writable')
    expect((await remote(['mount', 'remove', '/archive'])).code).toBe(0)
  })

  test('the audit is listed and exported, and says who asked', async () => {
    await expect
      .poll(async () => (await remote(['audit', 'list', '--action', 'mount.create'])).out, {
        timeout: 15_000,
      })
      .toContain('of the command line')
    const { out } = await remote(['audit', 'export', '--action', 'mount.create'])
    expect(JSON.parse(out.trim())).toMatchObject({ action: 'mount.create', door: 'rest' })
    expect((await remote(['audit', 'list', '--all-sites'])).code).toBe(2)
  })

  test.each([['audit verify'], ['master-key list'], ['key cleanup'], ['host-key list']])(
    '%s is for the machine itself',
    async (words) => {
      const { code, err } = await remote(words.split(' '))
      expect(code).toBe(2)
      expect(err).toMatch(/machine|--/)
    },
  )

  test('a person’s own login works too; a wrong key, no key and no server are told', async () => {
    await there.issue({ user: 'boss', name: 'of boss' })
    const operator = { kind: 'command_line' } as const
    await setPassword(there.identity, operator, there.site.id, { name: 'boss' }, 'correct horse battery')
    const { port } = await there.start('rest')
    const url = ['--url', `http://127.0.0.1:${port}`]
    const person = shell(url, there, 'boss:correct horse battery')
    expect(await person(['user', 'list'])).toMatchObject({ code: 0, out: expect.stringContaining('boss') })
    expect(await shell(url, there, 'wrong')(['user', 'list'])).toMatchObject({ code: 1, out: '' })
    expect((await shell(url, there, '')(['user', 'list'])).err).toContain('LATCHKEY_KEY')
    const away = shell(['--url', 'http://127.0.0.1:1'], there, 'x')
    expect(await away(['user', 'list'])).toMatchObject({ code: 1, err: expect.stringContaining('reached') })
    expect((await shell(['--url', 'ftp://x'], there, 'x')(['user', 'list'])).code).toBe(2)
  })
})
