import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { verifyPassword } from '#credentials/passwords.ts'
import { openTerminal, type Terminal } from './terminal.ts'

let terminal: Terminal
beforeAll(async () => {
  terminal = await openTerminal(100)
})
afterAll(() => terminal[Symbol.asyncDispose]())

const run = (...argv: string[]) => terminal.run(...argv)
const json = (...argv: string[]) => terminal.json(...argv)

/** A call that fails: its exit code and what it says. */
async function failure(...argv: string[]): Promise<{ code: number; err: string }> {
  const { code, out, err } = await run(...argv)
  expect(out).toBe('')
  return { code, err }
}

describe('user', () => {
  test('add, set and show take everything that there is to say of a user', async () => {
    const options = ['--email', 'ben@example.org', '--home', '/team/ben', '--expires', '2027-01-31']
    const conditions = ['--door', 'sftp,ftp', '--allow', '10.0.0.0/8']
    const made = await json('user', 'add', 'ben', ...options, ...conditions)
    expect(made).toMatchObject({
      role: 'member',
      email: 'ben@example.org',
      home_folder: '/team/ben',
      expires_at: '2027-01-31T00:00:00.000Z',
      conditions: { doors: ['sftp', 'ftp'], allow: ['10.0.0.0/8'] },
    })
    const changed = await json(
      'user',
      'set',
      'ben',
      '--name',
      'benno',
      '--email',
      'none',
      '--expires',
      'never',
    )
    expect(changed).toEqual({ ...Object(made), name: 'benno', email: null, expires_at: null })
    const { out } = await run('user', 'show', 'benno')
    expect(out).toMatch(/home folder +\/team\/ben/)
    expect(out).toMatch(/doors +sftp, ftp/)
    expect(await failure('user', 'set', 'benno')).toMatchObject({
      code: 2,
      err: expect.stringContaining('nothing to change'),
    })
    expect((await failure('user', 'set', 'benno', '--role', 'king')).code).toBe(2)
  })

  test('password reads from standard input, and the argument list has no room for it', async () => {
    terminal.type('correct horse battery')
    const { out } = await run('user', 'password', 'benno')
    expect(out).toBe("User 'benno' has a new password.\n")
    const { id } = Object(await json('user', 'show', 'benno'))
    const { passwordHash } = (await terminal.office.records.credentials.personById(id)) ?? {}
    expect(await verifyPassword(passwordHash ?? '', 'correct horse battery')).toBe(true)
    terminal.type('short')
    expect((await failure('user', 'password', 'benno')).err).toContain('at least 12 characters')
    expect((await failure('user', 'password', 'benno', 'correct horse battery')).code).toBe(2)
  })

  test('the last administrator is disabled, demoted, deleted or moved with --force only', async () => {
    for (const [verb = '', ...more] of [
      ['disable'],
      ['set', '--role', 'member'],
      ['delete'],
      ['move', '--to', 'other'],
    ]) {
      const { code, err } = await failure('user', verb, 'ada', ...more)
      expect([code, err], verb).toEqual([2, expect.stringContaining('last administrator')])
    }
    expect(await json('user', 'disable', 'ada', '--force')).toMatchObject({ enabled: false })
    expect(await json('user', 'enable', 'ada')).toMatchObject({ enabled: true })
  })

  test('U3: move takes a user to another site as a member, without grants', async () => {
    await run('user', 'add', 'max', '--role', 'administrator')
    await run('grant', 'add', '--user', 'max', '--path', '/x', '--rights', 'full')
    const moved = await run('user', 'move', 'max', '--to', 'other')
    expect(moved).toMatchObject({ code: 0, out: expect.stringContaining("is on 'other' now, as member") })
    expect(await json('user', 'show', 'max', '--site', 'other')).toMatchObject({ role: 'member' })
    expect((await failure('user', 'show', 'max')).code).toBe(1)
    expect((await failure('user', 'move', 'max', '--to', 'othr')).err).toContain("did you mean 'other'")
  })

  test('U6: delete says what stopped', async () => {
    await run('user', 'add', 'tmp')
    const { out } = await run('user', 'delete', 'tmp')
    expect(out).toBe("User 'tmp' is gone; its keys and sessions have stopped.\n")
    expect((await failure('user', 'delete', 'tmp')).code).toBe(1)
  })
})

describe('group', () => {
  test('U1: add, join, grant, list, leave and delete', async () => {
    expect((await run('group', 'add', 'staff')).out).toContain("latchkey group join 'staff' anna")
    expect((await run('group', 'join', 'staff', 'mia')).out).toBe("'mia' is in 'staff'.\n")
    const granted = await run('grant', 'add', '--group', 'staff', '--path', '/team', '--rights', 'full')
    expect(granted.out).toMatch(/^Group 'staff' has full on \/team and below \(grant \w+\)\.\n$/)
    expect(await json('group', 'list', '--members', 'staff')).toMatchObject([{ name: 'mia' }])
    expect(await json('grant', 'list', '--group', 'staff')).toMatchObject([
      { group: { name: 'staff' }, user: null },
    ])
    expect((await run('grant', 'list')).out).toContain('(staff)')
    const both = ['--user', 'mia', '--group', 'staff', '--path', '/', '--rights', 'full']
    expect((await failure('grant', 'add', ...both)).code).toBe(2)
    expect((await run('group', 'leave', 'staff', 'mia')).out).toContain('is no longer in')
    expect((await failure('group', 'leave', 'staff', 'mia')).code).toBe(1)
    expect((await run('group', 'delete', 'staff')).code).toBe(0)
    expect(await json('group', 'list')).toEqual([])
  })
})

describe('site', () => {
  test('K2, K5, K6, K7, D7: set changes settings by name, show tells them', async () => {
    const lifetimes = [
      '--default-key-lifetime',
      '1d',
      '--max-key-lifetime',
      '90d',
      '--allow-never-expire',
      'no',
    ]
    const flags = [
      '--users-may-create-keys',
      'yes',
      '--allow-chosen-values',
      'yes',
      '--new-keys-start-disabled',
      'yes',
    ]
    const more = ['--password-login', 'no', '--expired-key-retention', 'never']
    expect(await json('site', 'set', 'other', ...lifetimes, ...flags, ...more)).toMatchObject({
      settings: {
        default_key_lifetime: '1d',
        max_key_lifetime: '90d',
        allow_never_expire: false,
        new_keys_start_disabled: true,
        users_may_create_keys: true,
        allow_chosen_values: true,
        password_login: false,
        expired_key_retention: 'never',
      },
    })
    const { out } = await run('site', 'show', 'other')
    expect(out).toMatch(/longest key lifetime +90d/)
    expect(out).toMatch(/password login +no/)
    expect((await failure('site', 'set', 'other', '--password-login', 'maybe')).code).toBe(2)
    expect((await failure('site', 'set', 'other', '--max-key-lifetime', 'soon')).code).toBe(2)
    expect((await failure('site', 'set', 'other')).code).toBe(2)
  })

  test('K11: set takes doors and addresses', async () => {
    const set = await json('site', 'set', 'other', '--door', 'sftp,s3', '--allow', '203.0.113.0/24')
    expect(set).toMatchObject({ conditions: { doors: ['sftp', 's3'], allow: ['203.0.113.0/24'] } })
    const lifted = await json('site', 'set', 'other', '--door', 'none', '--allow', 'none')
    expect(lifted).toMatchObject({ conditions: { doors: null, allow: null } })
  })

  test('U4: add --parent and set --parent make lines of sites, never rings', async () => {
    const child = Object(await json('site', 'add', 'berlin', '--parent', 'main'))
    expect(child.parent_id).toBe(terminal.office.site.id)
    await run('site', 'add', 'mitte', '--parent', 'berlin')
    expect((await run('site', 'list')).out).toMatch(/mitte +berlin +active/)
    expect((await failure('site', 'set', 'main', '--parent', 'mitte')).err).toContain(
      'cannot be below itself',
    )
    expect(await json('site', 'set', 'mitte', '--parent', 'none')).toMatchObject({ parent_id: null })
    expect((await failure('site', 'set', 'mitte', '--parent', 'nowhere')).code).toBe(1)
  })

  test('disable, enable, rename; delete needs --force and leaves the files where they are', async () => {
    expect((await run('site', 'disable', 'mitte')).out).toContain('its keys and sessions have stopped')
    expect(await json('site', 'enable', 'mitte')).toMatchObject({ enabled: true })
    expect(await json('site', 'set', 'mitte', '--name', 'centre', '--hosts', 'c.example')).toMatchObject({
      hosts: ['c.example'],
    })
    expect((await failure('site', 'delete', 'centre')).err).toContain('--force')
    const folder = join(terminal.office.dir, 'files', 'mitte')
    expect((await run('site', 'delete', 'centre', '--force')).out).toContain(`Its files stay in ${folder}.`)
    expect((await stat(folder)).isDirectory()).toBe(true)
    await run('site', 'add', 'below', '--parent', 'berlin')
    expect((await failure('site', 'delete', 'berlin', '--force')).err).toContain('child sites, such as below')
  })
})

describe('mount', () => {
  test('add makes the folder; set and remove take its path', async () => {
    const folder = join(terminal.office.dir, '..', `latchkey-mount-${process.pid}`)
    const mount = await json('mount', 'add', '--path', '/archive', '--folder', folder)
    expect(mount).toMatchObject({ path: '/archive', folder, read_only: false, durable: true })
    expect((await stat(folder)).isDirectory()).toBe(true)
    expect(await json('mount', 'set', '/archive', '--read-only')).toMatchObject({ read_only: true })
    expect((await run('mount', 'list')).out).toMatch(/\/archive +read-only/)
    expect((await failure('mount', 'set', '/archive')).code).toBe(2)
    expect((await run('mount', 'remove', '/archive')).out).toContain(`its files stay in ${folder}`)
    expect((await failure('mount', 'remove', '/archive')).code).toBe(1)
    const { rmdir } = await import('node:fs/promises')
    await rmdir(folder)
  })
})
