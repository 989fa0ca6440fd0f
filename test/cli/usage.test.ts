import { resolve } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { openTerminal, type Terminal } from './terminal.ts'

let terminal: Terminal
beforeAll(async () => {
  terminal = await openTerminal()
})
afterAll(() => terminal[Symbol.asyncDispose]())
afterEach(() => vi.unstubAllEnvs())

describe('a mistake in calling ends with 2, says so on standard error, and touches nothing', () => {
  test.each([
    ['no command', [], 'Usage: latchkey COMMAND'],
    ['an unknown command', ['keys', 'list'], "Did you mean 'latchkey key'?"],
    ['an unknown verb', ['key', 'lst'], "Did you mean 'latchkey key list'?"],
    ['a topic alone', ['key'], 'latchkey key create'],
    ['a name of Object', ['constructor', 'toString'], "no command 'constructor'"],
    ['an unknown option', ['key', 'create', 'x', '--usr', 'mia'], 'no option --usr; did you mean --user?'],
    ['an option of Object', ['key', 'list', '--constructor'], 'no option --constructor'],
    ['an unknown short option', ['key', 'list', '-x'], 'no option -x'],
    ['an option without its value', ['key', 'create', 'x', '--user'], '--user needs a value'],
    ['an option that swallows the next', ['key', 'create', 'x', '--user', '--s3'], '--user needs a value'],
    ['a value for a flag', ['key', 'create', 'x', '--s3=yes'], '--s3 takes no value'],
    ['a missing argument', ['key', 'create', '--user', 'mia'], 'NAME is missing'],
    ['one argument too many', ['key', 'show', 'a', 'b'], "'b' is one argument too many"],
    ['a missing option', ['grant', 'add', '--user', 'mia', '--path', '/'], '--rights is missing'],
  ])('%s', async (_, argv, message) => {
    const before = terminal.opened.length
    const { code, out, err } = await terminal.run(...argv)
    expect({ code, out }).toEqual({ code: 2, out: '' })
    expect(err).toContain(message)
    expect(terminal.opened).toHaveLength(before)
  })

  test.each([
    ['--expires soon', ['key', 'create', 'x', '--user', 'mia', '--expires', 'soon'], "not 'soon'"],
    ['--type guest', ['key', 'create', 'x', '--type', 'guest'], "not 'guest'"],
    ['--role king', ['user', 'add', 'x', '--role', 'king'], "not 'king'"],
    ['an unknown scope', ['key', 'create', 'x', '--user', 'mia', '--scopes', 'fly'], "'fly'"],
    ['an unknown right', ['grant', 'add', '--user', 'mia', '--path', '/', '--rights', 'fly'], "'fly'"],
    ['K3: a bad key name', ['key', 'create', 'a:b', '--user', 'mia'], 'cannot hold : or /'],
    ['a user key without a user', ['key', 'create', 'x'], 'a user key needs a user'],
    ['K12: a pair for a site key', ['key', 'create', 'x', '--type', 'site', '--s3'], 'only user keys'],
  ])('%s', async (_, argv, message) => {
    expect(await terminal.run(...argv)).toMatchObject({
      code: 2,
      out: '',
      err: expect.stringContaining(message),
    })
  })
})

describe('a failure ends with 1', () => {
  test.each([
    ['an unknown key', ['key', 'show', 'nope']],
    ['U3: an unknown user', ['key', 'create', 'x', '--user', 'nobody']],
    ['an unknown grant', ['grant', 'remove', 'nope']],
    ['a taken name', ['user', 'add', 'mia']],
  ])('%s, in one line', async (_, argv) => {
    const { code, out, err } = await terminal.run(...argv)
    expect({ code, out }).toEqual({ code: 1, out: '' })
    expect(err).toMatch(/^latchkey: [^\n]+\n$/)
  })

  test('the data folder is closed again after success and failure alike', () => {
    expect(terminal.closed()).toBe(terminal.opened.length)
    expect(terminal.opened.length).toBeGreaterThan(0)
  })
})

describe('help', () => {
  test.each([[['help']], [['--help']], [['-h']]])('%j lists every command', async (argv) => {
    const { code, out } = await terminal.run(...argv)
    expect(code).toBe(0)
    for (const path of ['serve', 'site add', 'user disable', 'grant remove', 'key create'])
      expect(out).toContain(path)
  })

  test.each([[['help', 'key', 'create']], [['key', 'create', '--help']], [['key', 'create', '-h']]])(
    '%j explains with examples',
    async (argv) => {
      const { code, out } = await terminal.run(...argv)
      expect(code).toBe(0)
      expect(out).toContain('Usage: latchkey key create NAME')
      expect(out).toContain('latchkey key create laptop --user anna')
    },
  )

  test('every example is a command that parses', async () => {
    const { out } = await terminal.run('help')
    const paths = [...out.matchAll(/^ {2}((?:site|user|grant|key) [a-z]+) /gm)].map(([, path]) => path ?? '')
    expect(paths.length).toBeGreaterThanOrEqual(13)
    for (const path of paths) {
      const help = await terminal.run('help', ...path.split(' '))
      const examples = help.out.slice(help.out.indexOf('Examples:')).match(/latchkey .+/g) ?? []
      expect(examples.length, path).toBeGreaterThan(0)
      for (const example of examples) {
        const parsed = await terminal.run(...example.split(' ').slice(1), '--help')
        expect(parsed, example).toMatchObject({ code: 0, err: '' })
      }
    }
  })
})

describe('where a command works', () => {
  test('serve gets its arguments and decides the exit code', async () => {
    expect((await terminal.run('serve', '--demo', '--data', 'x')).code).toBe(7)
    expect(terminal.served).toEqual([['--demo', '--data', 'x']])
  })

  test.each([
    ['--data behind the command', ['user', 'list', '--data', 'there'], 'there'],
    ['--data before the command', ['--data', 'there', 'user', 'list'], 'there'],
    ['--data=… before the command', ['--data=there', '--json', 'user', 'list'], 'there'],
    ['LATCHKEY_DATA', ['user', 'list'], 'elsewhere'],
  ])('%s', async (_, argv, folder) => {
    vi.stubEnv('LATCHKEY_DATA', 'elsewhere')
    expect((await terminal.run(...argv)).code).toBe(0)
    expect(terminal.opened.at(-1)).toBe(resolve(folder))
  })

  test('./data unless told otherwise', async () => {
    vi.stubEnv('LATCHKEY_DATA', undefined)
    await terminal.run('user', 'list')
    expect(terminal.opened.at(-1)).toBe(resolve('data'))
  })
})
