import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readValue } from '#credentials/values.ts'
import { updateSite } from '#identity/sites.ts'
import { openSqlite } from '#records/open.ts'
import { OPERATOR } from '#test/identity/office.ts'
import { openTerminal, type Terminal } from './terminal.ts'

let terminal: Terminal
beforeAll(async () => {
  terminal = await openTerminal()
})
afterAll(() => terminal[Symbol.asyncDispose]())

describe('key', () => {
  test('K4: create prints id, login and value, and nothing prints the value again', async () => {
    const { code, out } = await terminal.run('key', 'create', 'laptop', '--user', 'mia')
    expect(code).toBe(0)
    const value = /value +(\S+)/.exec(out)?.[1] ?? ''
    const read = readValue(value)
    expect(read.kind).toBe('generated')
    expect(out).toContain(read.kind === 'generated' ? `@api-${read.keyId}` : '?')
    expect(out).not.toContain('secret access key')
    const shown = await terminal.run('key', 'show', 'laptop')
    const listed = await terminal.run('key', 'list', '--json')
    expect(shown.code + listed.code).toBe(0)
    expect(shown.out).toContain(`${value.slice(0, 12)}…${value.slice(-4)}`)
    expect(shown.out + listed.out).not.toContain(value)
  })

  test('K12: create --s3 prints the pair as well', async () => {
    const key = await terminal.json('key', 'create', 'bucket', '--user', 'mia', '--s3')
    expect(key).toMatchObject({
      type: 'user',
      access_key_id: expect.stringMatching(/^LK[0-9A-Z]{18}$/),
      secret_access_key: expect.stringMatching(/^[0-9A-Za-z]{40}$/),
    })
  })

  test('create takes scopes, base path, description and expiry', async () => {
    const key = await terminal.json(
      ...['key', 'create', 'narrow', '--user', 'mia', '--scopes', 'files.read, files.list'],
      ...['--base-path', '/photos', '--description', 'for the frame', '--expires', '12h'],
    )
    expect(key).toMatchObject({
      scopes: ['files.list', 'files.read'],
      base_path: '/photos',
      description: 'for the frame',
      expires_at: new Date(terminal.office.clock.now() + 12 * 3_600_000).toISOString(),
    })
  })

  test.each([
    ['never', null],
    ['2026-03-01', '2026-03-01T00:00:00.000Z'],
    ['2026-03-01T12:00+01:00', '2026-03-01T11:00:00.000Z'],
  ])('create --expires %s', async (text, at) => {
    const key = await terminal.json(
      'key',
      'create',
      `until ${text.replace(/\W/g, '.')}`,
      '--user',
      'mia',
      '--expires',
      text,
    )
    expect(key).toMatchObject({ expires_at: at })
  })

  test('create --type site makes a site key', async () => {
    expect(await terminal.json('key', 'create', 'automation', '--type', 'site')).toMatchObject({
      type: 'site',
      user: null,
    })
  })

  test('K7: disable and enable say what they did, and show finds it', async () => {
    const disabled = await terminal.run('key', 'disable', 'laptop')
    expect(disabled).toMatchObject({ code: 0, err: '', out: expect.stringContaining('is disabled') })
    expect(await terminal.json('key', 'show', 'laptop')).toMatchObject({ enabled: false, state: 'disabled' })
    await terminal.run('key', 'enable', 'laptop')
    expect(await terminal.json('key', 'show', 'laptop')).toMatchObject({ enabled: true, state: 'active' })
  })

  test('K8: delete removes it for good', async () => {
    await terminal.run('key', 'create', 'gone', '--user', 'mia')
    expect((await terminal.run('key', 'delete', 'gone')).code).toBe(0)
    const again = await terminal.run('key', 'delete', 'gone')
    expect(again).toMatchObject({ code: 1, out: '', err: expect.stringContaining("no key 'gone'") })
  })

  test('list --user shows that user’s keys only', async () => {
    await terminal.run('key', 'create', 'of ada', '--user', 'ada')
    const keys = await terminal.json('key', 'list', '--user', 'ada')
    expect(keys).toEqual([expect.objectContaining({ name: 'of ada' })])
  })

  test('K11 and S2: create takes conditions and storages, update changes what is named, none lifts', async () => {
    const key = await terminal.json(
      ...['key', 'create', 'bound', '--user', 'mia', '--allow', '10.0.0.0/8,192.0.2.1', '--door', 'sftp,ftp'],
      ...['--window', 'fri-mon 08:00-18:00 Europe/Vienna; daily 20:00-24:00 UTC', '--storage', '/'],
      ...['--not-before', '2026-02-01', '--preset', 'read_only'],
    )
    const conditions = {
      allow: ['10.0.0.0/8', '192.0.2.1'],
      deny: null,
      doors: ['sftp', 'ftp'],
      windows: [
        { days: ['sun', 'mon', 'fri', 'sat'], from: '08:00', to: '18:00', zone: 'Europe/Vienna' },
        expect.objectContaining({ from: '20:00', to: '24:00', zone: 'UTC' }),
      ],
      not_before: '2026-02-01T00:00:00.000Z',
    }
    expect(key).toMatchObject({ conditions, storages: [expect.any(String)] })
    const shown = await terminal.run('key', 'show', 'bound')
    expect(shown.out).toContain('sun,mon,fri,sat 08:00-18:00 Europe/Vienna')
    const lifted = { ...conditions, allow: null, windows: null, not_before: null, deny: ['10.1.0.0/16'] }
    expect(
      await terminal.json(
        ...['key', 'update', 'bound', '--allow', 'none', '--window', 'none', '--not-before', 'none'],
        ...['--deny', '10.1.0.0/16', '--storage', 'all', '--description', 'changed'],
      ),
    ).toMatchObject({ conditions: lifted, storages: null, description: 'changed' })
  })

  test.each([
    ['--allow', '10.0.0.0/99'],
    ['--door', 'telnet'],
    ['--window', 'mondays'],
    ['--window', 'payday 08:00-09:00 UTC'],
    ['--not-before', 'tomorrow'],
    ['--storage', '/nowhere'],
    ['--scopes', '16'],
    ['--value', 'chosen-but-not-allowed'],
  ])('create %s %s is wrongly called', async (option, text) => {
    const { code, out } = await terminal.run('key', 'create', 'bad', '--user', 'mia', option, text)
    expect([code, out]).toEqual([2, ''])
  })

  test('K9: rotate shows a new value once, and show says when the old one stops', async () => {
    const { value, id } = Object(await terminal.json('key', 'create', 'turning', '--user', 'mia', '--s3'))
    terminal.office.clock.advance(1)
    const rotated = Object(await terminal.json('key', 'rotate', 'turning', '--overlap', '24h', '--s3'))
    expect(rotated).toMatchObject({ id, secret_access_key: expect.any(String) })
    expect(readValue(rotated.value)).toEqual({ kind: 'generated', keyId: id })
    expect(rotated.value).not.toBe(value)
    const shown = await terminal.run('key', 'show', 'turning')
    expect(shown.out).toContain(', last use never, stops 2026-01-02')
    expect(shown.out).not.toContain(rotated.value)
    expect((await terminal.run('key', 'rotate', 'turning', '--overlap', '31d')).code).toBe(2)
  })

  test('K5: a chosen value comes from standard input, so that no process list shows it', async () => {
    const { deps, site } = terminal.office
    await updateSite(deps, OPERATOR, site.id, { settings: { allowChosenValues: true } })
    terminal.type('correct-horse-battery\n')
    const key = await terminal.json('key', 'create', 'chosen', '--user', 'mia', '--value=-')
    expect(key).toMatchObject({ value: 'correct-horse-battery', values: [{ chosen: true, masked: '…' }] })
    await updateSite(deps, OPERATOR, site.id, { settings: { allowChosenValues: false } })
  })

  test('K1: guest create makes the one guest key of the site', async () => {
    const key = await terminal.json('guest', 'create', '--base-path', '/public')
    expect(key).toMatchObject({ name: 'guest', type: 'guest', base_path: '/public', values: [] })
    expect((await terminal.run('guest', 'create')).code).toBe(1)
    expect((await terminal.run('key', 'delete', 'guest')).code).toBe(0)
  })

  test('K6: cleanup removes what expired long ago; list tells keys apart by state and type', async () => {
    await terminal.run('key', 'create', 'brief', '--type', 'site', '--expires', '1s')
    terminal.office.clock.advance(1000)
    const names = async (...argv: string[]) =>
      Object.values(Object(await terminal.json('key', 'list', ...argv))).map((key) => Object(key).name)
    expect(await names('--state', 'expired')).toContain('brief')
    expect(await names('--state', 'active', '--type', 'site')).not.toContain('brief')
    expect(await terminal.json('key', 'cleanup')).toEqual({ removed: 0 })
    terminal.office.clock.advance(90 * 86_400_000)
    expect(Object(await terminal.json('key', 'cleanup')).removed).toBeGreaterThan(0)
    expect(await names()).not.toContain('brief')
  })

  test('R1: disabling beside a running server reaches it through the change feed', async () => {
    await using server = await openSqlite(join(terminal.office.dir, 'latchkey.db'), {
      clock: terminal.office.clock,
    })
    const seen: (string | null)[] = []
    server.changes.subscribe(({ keyId }) => seen.push(keyId))
    const { id } = (await terminal.office.deps.store.keyByName(terminal.office.site.id, 'laptop')) ?? {
      id: '',
    }
    await terminal.run('key', 'disable', 'laptop')
    await expect.poll(() => seen).toContain(id)
  })
})

describe('site', () => {
  test('add makes the site and its folder, in the data folder unless told otherwise', async () => {
    const hosts = ['--hosts', 'a.example,b.example']
    const site = await terminal.json('site', 'add', 'acme', ...hosts)
    const folder = join(terminal.office.dir, 'files', 'acme')
    expect(site).toMatchObject({ name: 'acme', hosts: ['a.example', 'b.example'], folder })
    expect((await stat(folder)).isDirectory()).toBe(true)
    const elsewhere = join(terminal.office.dir, 'elsewhere')
    expect(await terminal.json('site', 'add', 'next', '--folder', elsewhere)).toMatchObject({
      folder: elsewhere,
    })
  })

  test('add refuses a name that climbs, and makes no folder', async () => {
    expect((await terminal.run('site', 'add', '../../x')).code).toBe(2)
    await expect(stat(join(terminal.office.dir, '..', '..', 'x'))).rejects.toThrow('ENOENT')
  })

  test('--site chooses where a command works; the first site is the default', async () => {
    await terminal.run('user', 'add', 'tom', '--site', 'acme')
    expect(await terminal.json('user', 'list', '--site', 'acme')).toEqual([
      expect.objectContaining({ name: 'tom' }),
    ])
    expect(await terminal.json('user', 'list')).toHaveLength(2)
    const wrong = await terminal.run('user', 'list', '--site', 'acne')
    expect(wrong).toMatchObject({ code: 1, err: expect.stringContaining("did you mean 'acme'?") })
  })
})

describe('user', () => {
  test('add makes a member unless told otherwise, and says what comes next', async () => {
    const { code, out } = await terminal.run('user', 'add', 'ben')
    expect(code).toBe(0)
    expect(out).toContain("latchkey grant add --user 'ben'")
    expect(await terminal.json('user', 'add', 'root', '--role', 'administrator')).toMatchObject({
      role: 'administrator',
    })
  })

  test('U6: disable and enable', async () => {
    expect(await terminal.json('user', 'disable', 'ben')).toMatchObject({ enabled: false })
    expect(await terminal.json('user', 'enable', 'ben')).toMatchObject({ enabled: true })
    expect((await terminal.run('user', 'disable', 'nobody')).code).toBe(1)
  })

  test('link makes a one-time link', async () => {
    expect(await terminal.json('user', 'link', 'ben')).toMatchObject({
      user: 'ben',
      path: expect.stringMatching(/^\/start\/[0-9A-Za-z]{43}$/),
    })
  })
})

describe('grant', () => {
  test('U1: add takes a level or rights, list shows them, remove takes them away', async () => {
    const added = await terminal.json('grant', 'add', '--user', 'mia', '--path', '/x', '--rights', 'readonly')
    expect(added).toMatchObject({ path: '/x', rights: ['list', 'read'], recursive: true })
    const rights = ['--path', '/y', '--rights', 'read,write', '--no-recursive']
    const narrow = await terminal.json('grant', 'add', '--user', 'mia', ...rights)
    expect(narrow).toMatchObject({ rights: ['read', 'write'], recursive: false })
    const { out } = await terminal.run('grant', 'list', '--user', 'mia')
    expect(out).toMatch(/mia +\/x +readonly +yes\n/)
    const [first] = await terminal.office.deps.store.grants(terminal.office.site.id)
    expect((await terminal.run('grant', 'remove', first?.id ?? '')).code).toBe(0)
    expect(await terminal.json('grant', 'list')).toHaveLength(1)
  })
})
