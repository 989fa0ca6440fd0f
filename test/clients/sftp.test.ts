import { mkdtemp, readdir, readFile, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { scopesOf } from '#permissions/scopes.ts'
import { fingerprint, newHostKey } from '#protocols/sftp/host-key.ts'
import { obscure } from '#server/client-lines.ts'
import { startWorld, type World, type WorldKey } from '#test/world.ts'
import { program } from './programs.ts'
import { type Result, run, succeed } from './run.ts'
import { difference, makeBigFile, makeSmallFiles } from './trees.ts'

let world: World
let key: WorldKey
let port: number
let local: string

beforeAll(async () => {
  world = await startWorld()
  key = await world.issue()
  port = (await world.start('sftp')).port
  local = await mkdtemp(join(tmpdir(), 'latchkey-sftp-'))
  await makeSmallFiles(join(local, 'tree'), 220)
  await makeBigFile(join(local, 'big.bin'), 50)
  await utimes(join(local, 'big.bin'), 1_600_000_000, 1_600_000_000)
})

afterAll(async () => {
  await world[Symbol.asyncDispose]()
  await rm(local, { recursive: true, force: true })
})

const SSH = ['-oStrictHostKeyChecking=no', '-oUserKnownHostsFile=/dev/null', '-oNumberOfPasswordPrompts=1']
const remote = (path: string) => join(world.root, path)

/** OpenSSH's sftp with these commands. `BatchMode=no`: `-b` would forbid the password. */
function sftp(
  commands: string,
  more: readonly string[] = [],
  { login, value }: Pick<WorldKey, 'login' | 'value'> = key,
  to = port,
): Promise<Result> {
  const args = [
    '-e',
    'sftp',
    ...SSH,
    ...more,
    '-oBatchMode=no',
    '-P',
    `${to}`,
    '-b',
    '-',
    `${login}@127.0.0.1`,
  ]
  return run('sshpass', args, { env: { SSHPASS: value }, input: `${commands}\n` })
}

function scp(args: readonly string[]): Promise<Result> {
  return run('sshpass', ['-e', 'scp', ...SSH, '-P', `${port}`, ...args], { env: { SSHPASS: key.value } })
}

async function same(a: string, b: string): Promise<void> {
  expect(await difference(a, b)).toBe('')
}

async function ok(result: Promise<Result>): Promise<string> {
  const { code, stdout, stderr } = await result
  expect(code, stderr).toBe(0)
  return stdout + stderr
}

describe('OpenSSH', () => {
  test('put -p and get -p of 50 MiB give the same bytes and keep the time (check 1)', async () => {
    if (!program('sshpass')) return
    const back = join(local, 'back.bin')
    await ok(sftp(`put -p "${join(local, 'big.bin')}" "/a big ü.bin"\nget -p "/a big ü.bin" "${back}"`))
    await same(join(local, 'big.bin'), remote('a big ü.bin'))
    await same(join(local, 'big.bin'), back)
    expect((await stat(remote('a big ü.bin'))).mtimeMs).toBe(1_600_000_000_000)
    expect((await stat(back)).mtimeMs).toBe(1_600_000_000_000)
  })

  // chacha20 is what it takes by default; the others are asked for.
  test.each(['chacha20-poly1305@openssh.com', 'aes256-gcm@openssh.com', 'aes128-ctr'])(
    'put and get over %s',
    async (cipher) => {
      if (!program('sshpass')) return
      const back = join(local, 'cipher.bin')
      await ok(
        sftp(`put "${join(local, 'big.bin')}" /cipher\nget /cipher "${back}"`, [`-oCiphers=${cipher}`]),
      )
      await same(join(local, 'big.bin'), back)
    },
  )

  test('a tree of odd names goes up and down unchanged', async () => {
    if (!program('sshpass')) return
    const back = join(local, 'tree-back')
    await ok(sftp(`put -r "${join(local, 'tree')}" /tree\nget -r /tree "${back}"`))
    await same(join(local, 'tree'), remote('tree'))
    await same(join(local, 'tree'), back)
  })

  test('ls, mkdir, rename, rm, rmdir, cp and df', async () => {
    if (!program('sshpass')) return
    await writeFile(remote('source.txt'), 'text')
    const shown = await ok(
      sftp(
        'mkdir /made\nrename /source.txt "/made/ä b.txt"\ncp "/made/ä b.txt" /made/copy\nls -l /made\ndf /',
      ),
    )
    expect(shown).toMatch(/-rw-r--r-- .* 4 .* ä b\.txt/)
    expect(shown).toContain('%Capacity')
    expect(await readFile(remote('made/copy'), 'utf8')).toBe('text')
    await ok(sftp('rm /made/*\nrmdir /made'))
    expect(await readdir(world.root)).not.toContain('made')
  })

  test('reput and reget finish what was half done (check 5)', async () => {
    if (!program('sshpass')) return
    const half = join(local, 'half.bin')
    await writeFile(half, await readFile(join(local, 'big.bin')))
    await truncate(half, 20_000_001)
    await writeFile(remote('half.bin'), await readFile(half))
    await ok(sftp(`reput "${join(local, 'big.bin')}" /half.bin`))
    await same(join(local, 'big.bin'), remote('half.bin'))
    await ok(sftp(`reget /half.bin "${half}"`))
    await same(join(local, 'big.bin'), half)
  })

  test('keys exchanged anew with each MiB (check 3)', async () => {
    if (!program('sshpass')) return
    const back = join(local, 'rekeyed.bin')
    await ok(sftp(`put "${join(local, 'big.bin')}" /rekeyed\nget /rekeyed "${back}"`, ['-oRekeyLimit=1M']))
    await same(join(local, 'big.bin'), back)
  })

  test('what is outside of the site does not exist (check 18)', async () => {
    if (!program('sshpass')) return
    const { code, stderr } = await sftp(`get /../../etc/passwd "${join(local, 'passwd')}"`)
    expect([code, stderr]).toEqual([1, expect.stringContaining('not found')])
  })

  test('a wrong value is refused; strict key exchange is on (check 4)', async () => {
    if (!program('sshpass')) return
    const { code, stderr } = await sftp('ls', ['-vvv'], { ...key, value: 'wrong' })
    expect(code).not.toBe(0)
    expect(stderr).toContain('will use strict KEX ordering')
  })

  test('scp works in its own protocol over SFTP; the old one and commands are refused (checks 14, 16)', async () => {
    if (!program('sshpass')) return
    const place = (path: string) => `${key.login}@127.0.0.1:${path}`
    const back = join(local, 'scp.bin')
    await ok(scp([join(local, 'big.bin'), place('/scp.bin')]))
    await ok(scp([place('/scp.bin'), back]))
    await same(join(local, 'big.bin'), back)
    expect((await scp(['-O', join(local, 'big.bin'), place('/old.bin')])).code).not.toBe(0)
    const ssh = ['-e', 'ssh', ...SSH, '-p', `${port}`, `${key.login}@127.0.0.1`, 'id']
    const { code, stdout } = await run('sshpass', ssh, { env: { SSHPASS: key.value } })
    expect([code, stdout]).toEqual([255, ''])
    expect(await readdir(world.root)).not.toContain('old.bin')
  })

  test('ssh-keygen reads a new host key and sees the same fingerprint', async () => {
    if (!program('ssh-keygen')) return
    const file = join(local, 'host-key')
    const hostKey = newHostKey()
    await writeFile(file, hostKey, { mode: 0o600 })
    expect(await succeed('ssh-keygen', ['-lf', file])).toContain(fingerprint(hostKey))
    expect(await succeed('ssh-keygen', ['-yf', file])).toMatch(/^ssh-ed25519 /)
  })
})

describe('lftp', () => {
  const lftp = (commands: string) => {
    const ssh = `ssh -a -x ${SSH.join(' ')}`
    const settings = `set sftp:auto-confirm yes; set sftp:connect-program "${ssh}"; set net:max-retries 2; set cmd:fail-exit yes`
    const args = ['-u', `${key.login},${key.value}`, '-p', `${port}`, '-e', `${settings}; ${commands}; bye`]
    return run('lftp', [...args, 'sftp://127.0.0.1'])
  }

  test('mirror -R --parallel=4 of 220 files, 4 times, without a difference (check 6)', async () => {
    if (!program('lftp')) return
    const tree = join(local, 'tree')
    for (let i = 0; i < 4; i++) {
      await ok(lftp(`mirror -R --parallel=4 "${tree}" /lftp-${i}`))
      await same(tree, remote(`lftp-${i}`))
    }
    await ok(lftp(`mirror --parallel=4 /lftp-0 "${join(local, 'lftp-back')}"`))
    await same(tree, join(local, 'lftp-back'))
  })

  test('put -c goes on where it ended (check 7)', async () => {
    if (!program('lftp')) return
    await writeFile(remote('lftp-half'), (await readFile(join(local, 'big.bin'))).subarray(0, 10_000_000))
    await ok(lftp(`put -c "${join(local, 'big.bin')}" -o /lftp-half`))
    await same(join(local, 'big.bin'), remote('lftp-half'))
  })
})

describe('rclone', () => {
  const rclone = async (...args: string[]) => {
    const config = join(local, 'rclone.conf')
    const lines = ['[door]', 'type = sftp', 'host = 127.0.0.1', `port = ${port}`, `user = ${key.login}`]
    await writeFile(config, [...lines, `pass = ${obscure(key.value)}`, 'shell_type = none', ''].join('\n'))
    return run('rclone', ['--config', config, '--retries', '1', ...args])
  }

  test('copies a tree up and down, and finds it identical', async () => {
    if (!program('rclone')) return
    await ok(rclone('copy', join(local, 'tree'), 'door:/rclone'))
    await same(join(local, 'tree'), remote('rclone'))
    await ok(rclone('check', '--download', join(local, 'tree'), 'door:/rclone'))
  })

  test('copyto keeps size and time; the second transfers nothing (check 8)', async () => {
    if (!program('rclone')) return
    await ok(rclone('copyto', join(local, 'big.bin'), 'door:/rclone.bin'))
    await same(join(local, 'big.bin'), remote('rclone.bin'))
    expect((await stat(remote('rclone.bin'))).mtimeMs).toBe(1_600_000_000_000)
    expect(await ok(rclone('-v', 'copyto', join(local, 'big.bin'), 'door:/rclone.bin'))).not.toContain(
      'Copied',
    )
    await ok(rclone('moveto', 'door:/rclone.bin', 'door:/rclone moved.bin'))
    await ok(rclone('purge', 'door:/rclone'))
    expect(await readdir(world.root)).toEqual(expect.arrayContaining(['rclone moved.bin']))
    expect(await readdir(world.root)).not.toContain('rclone')
  })
})

describe('curl', () => {
  test('uploads and downloads over sftp:// (check 11)', async () => {
    if (!program('curl')) return
    const url = `sftp://127.0.0.1:${port}/curl.bin`
    const back = join(local, 'curl.bin')
    await ok(run('curl', ['-sSk', '-u', `${key.login}:${key.value}`, '-T', join(local, 'big.bin'), url]))
    await ok(run('curl', ['-sSk', '-u', `${key.login}:${key.value}`, '-o', back, url]))
    await same(join(local, 'big.bin'), back)
  })
})

describe('paramiko', () => {
  const SCRIPT = `
import os, paramiko
transport = paramiko.Transport(('127.0.0.1', int(os.environ['PORT'])))
transport.connect(username=os.environ['LOGIN'], password=os.environ['VALUE'])
sftp = paramiko.SFTPClient.from_transport(transport)
sftp.put(os.environ['BIG'], '/paramiko.bin')
sftp.get('/paramiko.bin', os.environ['BACK'])
with sftp.open('/open.txt', 'w') as file:
    file.write(b'hello')
    file.flush()
    print(sftp.stat('/open.txt').st_size, os.path.exists(os.environ['ROOT'] + '/open.txt'))
with sftp.open('/open.txt', 'r+') as file:
    file.seek(1)
    file.write(b'E')
with sftp.open('/open.txt', 'a') as file:
    file.write(b'!')
print(open(os.environ['ROOT'] + '/open.txt').read())
sftp.truncate('/open.txt', 2)
sftp.posix_rename('/open.txt', '/short.txt')
print(sftp.open('/short.txt').read(), sftp.normalize('../a/./b'))
sftp.mkdir('/py'); sftp.rmdir('/py'); sftp.remove('/short.txt')
try:
    sftp.symlink('/etc', '/link')
except IOError as error:
    print(error)
transport.close()
`

  test('uploads, checks the size, edits, appends, truncates and renames (check 9)', async () => {
    if (!program('/usr/bin/python3')) return
    const back = join(local, 'paramiko.bin')
    const env = { PORT: `${port}`, LOGIN: key.login, VALUE: key.value, ROOT: world.root }
    const files = { BIG: join(local, 'big.bin'), BACK: back }
    const shown = await succeed('/usr/bin/python3', ['-c', SCRIPT], { env: { ...env, ...files } })
    expect(shown.trim().split('\n')).toEqual(['5 False', 'hEllo!', "b'hE' /a/b", 'links are not supported'])
    await same(join(local, 'big.bin'), back)
  })
})

describe('who may not', () => {
  test('a key without files.write lists and reads, and is refused to write', async () => {
    if (!program('sshpass')) return
    await writeFile(remote('kept.txt'), 'kept')
    const reader = await world.issue({ scopes: scopesOf('sftp', 'files.list', 'files.read', 'folders.read') })
    const shown = await ok(sftp('ls /', [], reader))
    expect(shown).toContain('kept.txt')
    for (const command of [`put "${join(local, 'big.bin')}" /new.bin`, 'rm /kept.txt', 'mkdir /new']) {
      const { code, stderr } = await sftp(command, [], reader)
      expect([code, stderr], command).toEqual([1, expect.stringMatching(/permission denied|failure/i)])
    }
    expect(await readFile(remote('kept.txt'), 'utf8')).toBe('kept')
    expect(await readdir(world.root)).not.toContain('new.bin')
  })

  test('U3: a key does not open the door of another site', async () => {
    if (!program('sshpass')) return
    const { id } = await world.addSite('other')
    const elsewhere = await world.start('sftp', { siteId: id })
    expect((await sftp('ls', [], key, elsewhere.port)).code).not.toBe(0)
    expect((await sftp('ls', [], key)).code).toBe(0)
  })
})
