import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { updateSite } from '#identity/sites.ts'
import { removeSshKey } from '#identity/ssh-keys.ts'
import { setPassword } from '#identity/users.ts'
import { startWorld, type World, type WorldKey } from '#test/world.ts'
import { program } from './programs.ts'
import { type Result, run, start, succeed } from './run.ts'
import { allowKey, KINDS, type Kind, makeKey } from './ssh-keys.ts'

const ACTOR = { kind: 'command_line' } as const
const PASSWORD = 'correct horse battery'

let world: World
let key: WorldKey
let port: number
let local: string
let payload: string
const files = new Map<Kind, string>()

beforeAll(async () => {
  world = await startWorld()
  key = await world.issue({ user: 'ann', role: 'administrator' })
  port = (await world.start('sftp')).port
  local = await mkdtemp(join(tmpdir(), 'latchkey-login-'))
  payload = join(local, 'payload')
  await writeFile(payload, 'over SSH keys')
  await setPassword(world.identity, ACTOR, world.site.id, { name: 'ann' }, PASSWORD)
  if (!program('ssh-keygen')) return
  for (const kind of ['ed25519', 'ecdsa', 'rsa'] as const) {
    const file = await makeKey(local, kind)
    await allowKey(world, 'ann', file)
    files.set(kind, file)
  }
})
afterAll(async () => {
  await world[Symbol.asyncDispose]()
  await rm(local, { recursive: true, force: true })
})
beforeEach(async () => {
  for (const name of await shown()) await rm(join(world.root, name), { recursive: true })
})

/** The files of the site; staged ones lie in a hidden folder. */
async function shown(): Promise<string[]> {
  return (await readdir(world.root)).filter((name) => name !== '.latchkey')
}

const fileOf = (kind: Kind) => files.get(kind) ?? ''
const QUIET = ['-oStrictHostKeyChecking=no', '-oUserKnownHostsFile=/dev/null', '-oBatchMode=yes']

/** OpenSSH's sftp with one key and nothing else to log in with. */
function sftp(file: string, commands: string, more: readonly string[] = [], user = 'ann'): Promise<Result> {
  const args = [
    ...QUIET,
    '-oIdentitiesOnly=yes',
    '-i',
    file,
    ...more,
    '-P',
    `${port}`,
    '-b',
    '-',
    `${user}@127.0.0.1`,
  ]
  return run('sftp', args, { input: `${commands}\n` })
}

async function arrived(name: string): Promise<void> {
  expect(await readFile(join(world.root, name), 'utf8')).toBe('over SSH keys')
}

describe('D7: OpenSSH logs a user in with a key of', () => {
  test.each(Object.keys(KINDS) as Kind[])('%s', async (kind) => {
    if (!program('sftp')) return
    const { code, stderr } = await sftp(fileOf(kind), `put "${payload}" /${kind}\nls -l`)
    expect(code, stderr).toBe(0)
    await arrived(kind)
  })

  test.each(['rsa-sha2-256', 'rsa-sha2-512'])('rsa, signing with %s', async (algorithm) => {
    if (!program('sftp')) return
    const { code, stderr } = await sftp(fileOf('rsa'), 'ls', [
      `-oPubkeyAcceptedAlgorithms=${algorithm}`,
      '-v',
    ])
    expect(code, stderr).toBe(0)
    expect(stderr).toContain('Authenticated to')
  })

  test('rsa, but not with a signature over SHA-1', async () => {
    if (!program('sftp')) return
    const sha1 = ['-oPubkeyAcceptedAlgorithms=ssh-rsa']
    expect((await sftp(fileOf('rsa'), 'ls', sha1)).code).not.toBe(0)
  })

  test('a key that nobody has, and the right key under another name, are refused alike', async () => {
    if (!program('sftp')) return
    const stranger = await makeKey(await mkdtemp(join(local, 'other-')), 'ed25519')
    const said = await Promise.all([
      sftp(stranger, 'ls', ['-v']),
      sftp(fileOf('ed25519'), 'ls', ['-v'], 'bob'),
      sftp(fileOf('ed25519'), 'ls', ['-v'], 'admin'),
    ])
    for (const { code, stderr } of said) {
      expect(code).not.toBe(0)
      // The key was offered, the server let it sign, and then refused: so it goes for every key and name.
      expect(stderr).toContain('Server accepts key')
      expect(stderr).toContain('Permission denied (publickey,password,keyboard-interactive)')
    }
  })

  test('the server says which signatures it takes', async () => {
    if (!program('sftp')) return
    const { stderr } = await sftp(fileOf('rsa'), 'ls', ['-vvv'])
    expect(stderr).toMatch(
      /server-sig-algs=<ssh-ed25519,[a-z0-9,-]*ecdsa-sha2-nistp521,rsa-sha2-512,rsa-sha2-256>/,
    )
    expect(stderr).toContain('will use strict KEX ordering')
  })
})

describe('D7: other programs log in with a key', () => {
  test('paramiko, with ed25519, ecdsa and rsa', async () => {
    if (!program('/usr/bin/python3')) return
    const script = `
import os, paramiko
for kind, cls in (('ed25519', paramiko.Ed25519Key), ('ecdsa', paramiko.ECDSAKey), ('rsa', paramiko.RSAKey)):
    transport = paramiko.Transport(('127.0.0.1', int(os.environ['PORT'])))
    transport.connect(username='ann', pkey=cls.from_private_key_file(os.environ['DIR'] + '/id_' + kind))
    sftp = paramiko.SFTPClient.from_transport(transport)
    sftp.put(os.environ['DIR'] + '/payload', '/paramiko-' + kind)
    transport.close()
print('done')
`
    await succeed('/usr/bin/python3', ['-c', script], { env: { PORT: `${port}`, DIR: local } })
    for (const kind of Object.keys(KINDS)) await arrived(`paramiko-${kind}`)
  })

  test('psftp, with keys that puttygen made, and with a password', async () => {
    if (!program('psftp') || !program('puttygen')) return
    const home = await mkdtemp(join(local, 'putty-'))
    const print = await hostKeyPrint()
    const put = async (name: string, login: readonly string[]) => {
      const script = join(home, 'script')
      await writeFile(script, `put ${payload} /${name}\nquit\n`)
      const args = ['-batch', '-hostkey', print, '-P', `${port}`, ...login, '-b', script, '127.0.0.1']
      return run('psftp', args, { env: { HOME: home } })
    }
    for (const type of ['ed25519', 'ecdsa', 'rsa']) {
      const ppk = join(home, `${type}.ppk`)
      const bits = type === 'rsa' ? ['-b', '3072'] : []
      const empty = join(home, 'empty')
      await writeFile(empty, '')
      await succeed('puttygen', [
        '-q',
        '-t',
        type,
        ...bits,
        '-o',
        ppk,
        '--new-passphrase',
        empty,
        '-C',
        `ppk ${type}`,
      ])
      await succeed('puttygen', [ppk, '-O', 'public-openssh', '-o', join(home, `${type}.pub`)])
      await allowKey(world, 'ann', join(home, type))
      const { code, stdout, stderr } = await put(`psftp-${type}`, ['-i', ppk, '-l', 'ann'])
      expect(code, stdout + stderr).toBe(0)
      await arrived(`psftp-${type}`)
    }
    const withValue = await put('psftp-value', ['-l', key.login, '-pw', key.value])
    expect(withValue.code, withValue.stdout + withValue.stderr).toBe(0)
    await arrived('psftp-value')
    const withPassword = await put('psftp-password', ['-l', 'ann', '-pw', PASSWORD])
    expect(withPassword.code, withPassword.stdout + withPassword.stderr).toBe(0)
    await arrived('psftp-password')
  })

  /** As PuTTY takes it: `SHA256:…`. */
  async function hostKeyPrint(): Promise<string> {
    const scanned = await succeed('ssh-keyscan', ['-p', `${port}`, '-t', 'ed25519', '127.0.0.1'])
    await writeFile(join(local, 'scanned'), scanned)
    const shown = await succeed('ssh-keygen', ['-l', '-f', join(local, 'scanned')])
    return shown.split(' ')[1] ?? ''
  }

  test('lftp, through OpenSSH', async () => {
    if (!program('lftp')) return
    const connect = `ssh -a -x -F none ${QUIET.join(' ')} -oIdentitiesOnly=yes -i ${fileOf('ed25519')}`
    const script = [
      `set sftp:connect-program "${connect}"`,
      'set net:max-retries 1',
      `open -u ann, -p ${port} sftp://127.0.0.1`,
      `put ${payload} -o /lftp`,
    ].join('; ')
    await succeed('lftp', ['-c', script], { env: { HOME: local } })
    await arrived('lftp')
  })

  test('curl sftp:// with a key', async () => {
    if (!program('curl')) return
    const file = fileOf('ed25519')
    const args = ['-sSk', '--key', file, '--pubkey', `${file}.pub`, '-u', 'ann:', '-T', payload]
    await succeed('curl', [...args, `sftp://127.0.0.1:${port}/curl`])
    await arrived('curl')
  })

  test('rclone with key_file', async () => {
    if (!program('rclone')) return
    const config = join(local, 'rclone.conf')
    const lines = ['[door]', 'type = sftp', 'host = 127.0.0.1', `port = ${port}`, 'user = ann']
    await writeFile(config, [...lines, `key_file = ${fileOf('ed25519')}`, 'shell_type = none', ''].join('\n'))
    await succeed('rclone', ['--config', config, '--retries', '1', 'copyto', payload, 'door:/rclone'])
    await arrived('rclone')
  })
})

describe('a key that may no longer', () => {
  test('R1: removing it cuts the transfer that it opened within a second, and it opens nothing more', async () => {
    if (!program('sftp')) return
    const file = await makeKey(await mkdtemp(join(local, 'cut-')), 'ed25519')
    await allowKey(world, 'ann', file, 'cut')
    const big = join(local, 'big')
    await writeFile(big, Buffer.alloc(200_000_000))
    const args = [
      ...QUIET,
      '-oIdentitiesOnly=yes',
      '-i',
      file,
      '-l',
      '20000',
      '-P',
      `${port}`,
      '-b',
      '-',
      'ann@127.0.0.1',
    ]
    const transfer = start('sftp', args, { input: `put "${big}" /big\n` })
    await expect
      .poll(() => world.core.gate.sessions.list().some(({ activity }) => activity.bytesIn > 0))
      .toBe(true)
    const before = performance.now()
    await removeSshKey(world.identity, ACTOR, world.site.id, { name: 'ann' }, 'cut')
    const { code } = await transfer.done
    expect(code).not.toBe(0)
    expect(performance.now() - before).toBeLessThan(5_000)
    expect(await shown()).toEqual([])
    expect((await sftp(file, 'ls')).code).not.toBe(0)
    expect((await sftp(fileOf('ed25519'), 'ls')).code).toBe(0)
  })

  test('D7: where the site allows no SSH keys, none logs in; keys with a value still do', async () => {
    if (!program('sftp')) return
    await updateSite(world.identity, ACTOR, world.site.id, { settings: { sshKeyLogin: false } })
    expect((await sftp(fileOf('ed25519'), 'ls')).code).not.toBe(0)
    const args = [
      '-e',
      'sftp',
      '-oBatchMode=no',
      ...QUIET,
      '-P',
      `${port}`,
      '-b',
      '-',
      `${key.login}@127.0.0.1`,
    ]
    expect((await run('sshpass', args, { env: { SSHPASS: key.value }, input: 'ls\n' })).code).toBe(0)
    await updateSite(world.identity, ACTOR, world.site.id, { settings: { sshKeyLogin: true } })
    expect((await sftp(fileOf('ed25519'), 'ls')).code).toBe(0)
  })
})
