import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newHostKey, readHostKey } from '#protocols/sftp/host-key.ts'
import { openHostKeys } from '#server/host-key.ts'
import { openTerminal, type Terminal } from './terminal.ts'

let terminal: Terminal
beforeAll(async () => {
  terminal = await openTerminal(160)
})
afterAll(() => terminal[Symbol.asyncDispose]())

const run = (...argv: string[]) => terminal.run(...argv)

function line(comment: string): string {
  const { type, blob } = readHostKey(newHostKey())
  return `${type} ${blob.toString('base64')} ${comment}`
}

describe('ssh-key', () => {
  test('add takes a file or standard input, list shows, remove removes', async () => {
    await run('user', 'add', 'kim')
    const file = join(terminal.office.dir, 'kim.pub')
    await writeFile(file, `${line('kim@desk')}\n`)
    expect((await run('ssh-key', 'add', 'kim', '--file', file)).out).toMatch(
      /^SSH key 'kim@desk' opens the SFTP door for 'kim' now: SHA256:/,
    )
    terminal.type(line('ignored'))
    expect((await run('ssh-key', 'add', 'kim', '--name', 'work')).code).toBe(0)
    const { out } = await run('ssh-key', 'list', 'kim')
    expect(out).toMatch(/kim@desk +ssh-ed25519 +SHA256:\S+ +\S+ +never/)
    expect((await run('ssh-key', 'remove', 'kim', 'work')).out).toContain('its sessions have stopped')
    expect(await terminal.json('ssh-key', 'list', 'kim')).toMatchObject([{ name: 'kim@desk' }])
    expect((await run('ssh-key', 'remove', 'kim', 'work')).code).toBe(1)
  })

  test('a file that is not there, and a private key, are refused in words', async () => {
    expect(await run('ssh-key', 'add', 'kim', '--file', '/nowhere')).toMatchObject({
      code: 2,
      err: expect.stringContaining('cannot be read'),
    })
    terminal.type(newHostKey())
    expect(await run('ssh-key', 'add', 'kim')).toMatchObject({
      code: 2,
      err: expect.stringContaining('this is a private key'),
    })
  })

  test('D7: the site’s setting is set and shown', async () => {
    const set = await terminal.json('site', 'set', 'main', '--ssh-key-login', 'no')
    expect(set).toMatchObject({ settings: { ssh_key_login: false } })
    expect((await run('site', 'show', 'main')).out).toMatch(/SSH key login +no/)
    await run('site', 'set', 'main', '--ssh-key-login', 'yes')
  })
})

describe('host-key', () => {
  test('a running server follows rotate, activate and drop; keys stay the same object until then', async () => {
    const { dir } = terminal.office
    expect((await run('host-key', 'list')).out).toContain('There is no host key yet')
    using keys = await openHostKeys(dir, (error) => {
      throw error
    })
    const first = keys.now()
    expect([first.current.length, first.next.length]).toEqual([3, 0])
    expect(keys.now()).toBe(first)
    expect((await run('host-key', 'rotate', '--kind', 'ed25519')).out).toMatch(
      /Announced from now on:\n {2}ed25519 SHA256:/,
    )
    await expect.poll(() => keys.now().next.length, { timeout: 10_000 }).toBe(1)
    const [next = ''] = keys.now().next
    expect(keys.now().current).toEqual(first.current)
    expect(await run('host-key', 'rotate')).toMatchObject({
      code: 1,
      err: expect.stringContaining('announced already'),
    })
    await run('host-key', 'activate')
    await expect.poll(() => keys.now().current[0], { timeout: 10_000 }).toBe(next)
    expect(keys.now().next).toEqual([])
    expect(await run('host-key', 'drop')).toMatchObject({ code: 1 })
    expect(await run('host-key', 'rotate', '--kind', 'dsa')).toMatchObject({ code: 2 })
  })

  test('list shows fingerprints and records for DNS', async () => {
    const { out } = await run('host-key', 'list', '--host', 'files.example.org')
    expect(out).toMatch(/ed25519 +in use +SHA256:\S{43} +files\.example\.org IN SSHFP 4 2 [0-9a-f]{64}/)
    expect(out).toMatch(/ecdsa +in use .* IN SSHFP 3 2 /)
    expect(out).toMatch(/rsa +in use .* IN SSHFP 1 2 /)
  })
})
