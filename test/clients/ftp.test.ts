import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startFtpDoor } from '#protocols/ftp/door.ts'
import type { RunningDoor } from '#protocols/protocol.ts'
import { obscure } from '#server/client-lines.ts'
import { startWorld, type World, type WorldKey } from '#test/world.ts'
import { certificatesOf, makeCertificate } from '../certificate.ts'
import { filesBelow, until } from '../protocols/ftp/waiting.ts'
import { program } from './programs.ts'
import { run, start, succeed } from './run.ts'
import { difference, makeBigFile, makeSmallFiles } from './trees.ts'

const MIB = 1024 * 1024

let world: World
let key: WorldKey
let dir: string
/** Plain, explicit TLS required, the same with TLS sessions that data connections must resume, implicit TLS. */
let doors: Record<'plain' | 'explicit' | 'resuming' | 'implicit', RunningDoor>

beforeAll(async () => {
  world = await startWorld()
  key = await world.issue()
  dir = await mkdtemp(join(tmpdir(), 'latchkey-ftp-clients-'))
  const pem = await makeCertificate()
  await writeFile(join(dir, 'cert.pem'), pem.cert)
  const tls = await certificatesOf(pem)
  const log = { debug() {}, info() {}, warn() {}, error: console.error }
  const listener = { address: '127.0.0.1', port: 0, siteId: null }
  const common = { listener, log, passivePorts: 'any' as const }
  const secure = { ...common, requireTls: true }
  doors = {
    plain: await startFtpDoor(world.gate, common),
    explicit: await startFtpDoor(world.gate, { ...secure, listener: { ...listener, tls } }),
    resuming: await startFtpDoor(world.gate, {
      ...secure,
      listener: { ...listener, tls },
      requireSessionReuse: true,
    }),
    implicit: await startFtpDoor(world.gate, {
      ...secure,
      listener: { ...listener, tls, implicitTls: true },
    }),
  }
  await makeSmallFiles(join(dir, 'tree'), 60)
  await makeBigFile(join(dir, 'big'), 20)
}, 60_000)

afterAll(async () => {
  await Promise.all(Object.values(doors).map((door) => door.stop(AbortSignal.abort())))
  await world[Symbol.asyncDispose]()
  await rm(dir, { recursive: true })
})

function local(...names: string[]): string {
  return join(dir, ...names)
}

function real(...names: string[]): string {
  return join(world.root, ...names)
}

async function same(a: string, b: string): Promise<boolean> {
  return (await readFile(a)).equals(await readFile(b))
}

function url(door: keyof typeof doors, path = ''): string {
  return `${door === 'implicit' ? 'ftps' : 'ftp'}://127.0.0.1:${doors[door].port}${path}`
}

describe.runIf(program('lftp'))('lftp', () => {
  const lftp = (door: 'plain' | 'explicit' | 'resuming', words: string) => {
    const ssl =
      door === 'plain'
        ? 'set ftp:ssl-allow no'
        : `set ftp:ssl-force yes; set ftp:ssl-protect-data yes; set ssl:ca-file ${local('cert.pem')}`
    const settings = `${ssl}; set net:max-retries 1; set net:timeout 10; set cmd:fail-exit yes`
    const args = ['-u', `${key.login},${key.value}`, '-e', `${settings}; ${words}; bye`, url(door)]
    return succeed('lftp', args)
  }

  test.each(['plain', 'explicit'] as const)(
    '%s: mirror -R and mirror give the tree back (check 1)',
    async (door) => {
      await lftp(door, `mirror -R --no-perms ${local('tree')} /lftp-${door}`)
      expect(await difference(local('tree'), real(`lftp-${door}`))).toBe('')
      await lftp(door, `mirror --no-perms /lftp-${door} ${local(`lftp-${door}-back`)}`)
      expect(await difference(local('tree'), local(`lftp-${door}-back`))).toBe('')
      await lftp(door, `mirror -R --no-perms --parallel=4 ${local('tree')} /lftp-${door}-parallel`)
      expect(await difference(local('tree'), real(`lftp-${door}-parallel`))).toBe('')
    },
  )

  test.each(['plain', 'explicit'] as const)(
    '%s: reput and get -c go on where it was cut (check 6)',
    async (door) => {
      await lftp(door, `put ${local('big')} -o /part-${door}`)
      expect(await same(local('big'), real(`part-${door}`))).toBe(true)
      await truncate(real(`part-${door}`), 7 * MIB + 3)
      await lftp(door, `put -c ${local('big')} -o /part-${door}`)
      expect(await same(local('big'), real(`part-${door}`))).toBe(true)
      const half = (await readFile(local('big'))).subarray(0, 5 * MIB + 1)
      await writeFile(local(`half-${door}`), half)
      await lftp(door, `get -c /part-${door} -o ${local(`half-${door}`)}`)
      expect(await same(local('big'), local(`half-${door}`))).toBe(true)
    },
  )

  test('its data connections resume the TLS session, up, down and in listings, where that is required', async () => {
    await lftp('resuming', `put ${local('big')} -o /resumed; get /resumed -o ${local('resumed')}`)
    expect(await same(local('big'), real('resumed'))).toBe(true)
    expect(await same(local('big'), local('resumed'))).toBe(true)
    await lftp('resuming', `mirror -R --no-perms --parallel=2 ${local('tree')} /resumed-tree`)
    expect(await difference(local('tree'), real('resumed-tree'))).toBe('')
    expect(await lftp('resuming', 'cls /')).toContain('resumed-tree')
    // The same without it is refused: the requirement is real.
    const alone = lftp(
      'resuming',
      `set ftp:ssl-copy-sid no; set net:reconnect-interval-base 1; put ${local('big')} -o /not-resumed`,
    )
    await expect(alone).rejects.toThrow('lftp')
    expect(await filesBelow(world.root)).not.toContain('not-resumed')
  })

  test('renames, makes folders and deletes', async () => {
    await lftp('plain', 'mkdir "/l a"; put -O "/l a" /etc/hostname; mv "/l a/hostname" "/l a/x \\"y\\""')
    expect(await same('/etc/hostname', real('l a', 'x "y"'))).toBe(true)
    await lftp('plain', 'rm -r "/l a"')
    await expect(stat(real('l a'))).rejects.toMatchObject({ code: 'ENOENT' })
  })
})

describe.runIf(program('curl'))('curl', () => {
  const curl = (door: keyof typeof doors, ...args: string[]) => {
    const tls = door === 'plain' ? [] : ['--ssl-reqd', '--cacert', local('cert.pem')]
    return succeed('curl', ['-sS', '-u', `${key.login}:${key.value}`, ...tls, ...args])
  }

  test.each(['plain', 'explicit', 'implicit'] as const)(
    '%s: -T, get, -C - up and down (checks 1, 2, 6)',
    async (door) => {
      const name = `curl-${door}`
      await curl(door, '-T', local('big'), url(door, `/${name}`))
      expect(await same(local('big'), real(name))).toBe(true)
      await truncate(real(name), 3 * MIB + 1)
      await curl(door, '-C', '-', '-T', local('big'), url(door, `/${name}`))
      expect(await same(local('big'), real(name))).toBe(true)
      await writeFile(local(name), (await readFile(local('big'))).subarray(0, MIB + 1))
      await curl(door, '-C', '-', '-o', local(name), url(door, `/${name}`))
      expect(await same(local('big'), local(name))).toBe(true)
    },
  )

  test('encoded names: spaces, unicode and #%?& go up, are listed and come down', async () => {
    const name = " lead ü日本 #%?&+'[x]"
    const path = `/dir%20one/${encodeURIComponent(name)}`
    await curl('plain', '-g', '--ftp-create-dirs', '-T', local('big'), url('plain', path))
    expect(await same(local('big'), real('dir one', name))).toBe(true)
    expect(await curl('plain', '-l', url('plain', '/dir%20one/'))).toBe(`${name}\n`)
    expect(await curl('plain', url('plain', '/dir%20one/'))).toContain(name)
    await curl('plain', '-g', '-o', local('named'), url('plain', path))
    expect(await same(local('big'), local('named'))).toBe(true)
  })

  test('active mode, append, quoted commands and -I work', async () => {
    await writeFile(local('word'), 'word')
    await curl('plain', '-P', '-', '-T', local('word'), url('plain', '/active'))
    await curl('plain', '--append', '-T', local('word'), url('plain', '/active'))
    expect(await curl('plain', '-P', '-', url('plain', '/active'))).toBe('wordword')
    expect(await curl('plain', '-I', url('plain', '/active'))).toContain('Content-Length: 8')
    await curl('plain', '-Q', 'RNFR active', '-Q', 'RNTO renamed', url('plain', '/'))
    expect(await readFile(real('renamed'), 'utf8')).toBe('wordword')
  })

  test.each(['plain', 'explicit'] as const)(
    '%s: a curl that is killed in mid-upload leaves nothing',
    async (door) => {
      const tls = door === 'plain' ? [] : ['--ssl-reqd', '--cacert', local('cert.pem')]
      const login = ['-sS', '-u', `${key.login}:${key.value}`, ...tls, '--limit-rate', '2M']
      const before = await filesBelow(world.root)
      for (let i = 0; i < 5; i++) {
        const { child, done } = start('curl', [...login, '-T', local('big'), url(door, `/killed-${i}`)])
        await until(async () => (await filesBelow(world.root)).length > before.length, 20_000)
        await sleep(100 + 60 * i)
        child.kill('SIGKILL')
        await done
        await expect.poll(() => filesBelow(world.root), { timeout: 20_000 }).toEqual(before)
      }
    },
  )

  test('a wrong key is refused (exit code 67)', async () => {
    const { code } = await run('curl', ['-sS', '-u', `${key.login}:wrong`, url('plain', '/')])
    expect(code).toBe(67)
  })
})

describe.runIf(program('rclone'))('rclone', () => {
  const rclone = async (door: 'plain' | 'explicit' | 'implicit', ...args: string[]) => {
    const tls = { plain: '', explicit: 'explicit_tls = true', implicit: 'tls = true' }[door]
    const config = local(`rclone-${door}.conf`)
    await writeFile(
      config,
      `[ftp]\ntype = ftp\nhost = 127.0.0.1\nport = ${doors[door].port}\nuser = ${key.login}
pass = ${obscure(key.value)}\nno_check_certificate = true\nencoding = None\n${tls}\n`,
    )
    return succeed('rclone', ['--config', config, '--retries', '1', '--low-level-retries', '1', ...args])
  }

  test.each(['plain', 'explicit', 'implicit'] as const)(
    '%s: copies a tree there and back and keeps the times (checks 1, 2, 7)',
    async (door) => {
      const time = new Date('2021-03-04T05:06:07Z')
      await utimes(local('tree', 'dir 0', 'plain 0.txt'), time, time)
      await rclone(door, 'copy', local('tree'), `ftp:rclone-${door}`)
      expect(await difference(local('tree'), real(`rclone-${door}`))).toBe('')
      expect((await stat(real(`rclone-${door}`, 'dir 0', 'plain 0.txt'))).mtime).toEqual(time)
      await rclone(door, 'copy', `ftp:rclone-${door}`, local(`rclone-${door}-back`))
      expect(await difference(local('tree'), local(`rclone-${door}-back`))).toBe('')
      await rclone(door, 'check', '--download', local('tree'), `ftp:rclone-${door}`)
      await rclone(door, 'moveto', `ftp:rclone-${door}`, `ftp:moved-${door}`)
      expect(await difference(local('tree'), real(`moved-${door}`))).toBe('')
      await rclone(door, 'purge', `ftp:moved-${door}`)
      await expect(stat(real(`moved-${door}`))).rejects.toMatchObject({ code: 'ENOENT' })
    },
  )
})

describe.runIf(program('ncftpput'))('ncftp', () => {
  test('plain: put and get a tree and a file (check 1)', async () => {
    const login = ['-u', key.login, '-p', key.value, '-P', String(doors.plain.port)]
    await mkdir(local('ncftp-back'))
    await succeed('ncftpput', [...login, '-R', '-m', '127.0.0.1', '/ncftp', local('tree')])
    expect(await difference(local('tree'), real('ncftp', 'tree'))).toBe('')
    await succeed('ncftpget', [...login, '-R', '127.0.0.1', local('ncftp-back'), '/ncftp/tree'])
    expect(await difference(local('tree'), local('ncftp-back', 'tree'))).toBe('')
    await succeed('ncftpput', [...login, '127.0.0.1', '/ncftp', local('big')])
    expect(await same(local('big'), real('ncftp', 'big'))).toBe(true)
    expect(await succeed('ncftpls', [...login, 'ftp://127.0.0.1/ncftp/'])).toContain('big')
  })
})

const PYTHON = `
import ftplib, hashlib, io, ssl, sys
host, port, user, password, tls, ca = sys.argv[1:7]
if tls == 'explicit':
    ftp = ftplib.FTP_TLS(context=ssl.create_default_context(cafile=ca), encoding='utf-8')
else:
    ftp = ftplib.FTP(encoding='utf-8')
ftp.connect(host, int(port))
ftp.login(user, password)
if tls == 'explicit':
    ftp.prot_p()
content = bytes(range(256)) * 20000
name = 'py ' + tls + ' \\u00fc'
ftp.storbinary('STOR ' + name, io.BytesIO(content))
assert ftp.size(name) == len(content)
got = io.BytesIO()
ftp.retrbinary('RETR ' + name, got.write)
assert got.getvalue() == content
got = io.BytesIO()
ftp.retrbinary('RETR ' + name, got.write, rest=5000)
assert got.getvalue() == content[5000:]
ftp.storlines('STOR lines ' + tls, io.BytesIO(b'one\\r\\ntwo\\r\\n'))
lines = []
ftp.retrlines('RETR lines ' + tls, lines.append)
assert lines == ['one', 'two'], lines
assert name in ftp.nlst()
facts = dict(ftp.mlsd())
assert facts[name]['type'] == 'file' and int(facts[name]['size']) == len(content), facts
assert ftp.mkd('py "dir"') == '/py "dir"'
ftp.cwd('py "dir"')
assert ftp.pwd() == '/py "dir"'
ftp.cwd('..')
ftp.rmd('py "dir"')
ftp.rename(name, 'renamed')
ftp.voidcmd('TYPE I')
conn = ftp.transfercmd('RETR renamed')
conn.recv(10)
ftp.abort()
conn.close()
try:
    ftp.voidresp()
except ftplib.all_errors:
    pass
ftp.delete('renamed')
ftp.quit()
print('fine')
`

describe.runIf(program('python3'))('python3 ftplib', () => {
  test.each(['plain', 'explicit'] as const)(
    '%s: FTP and FTP_TLS do all of their work (check 1)',
    async (door) => {
      const host = door === 'explicit' ? 'localhost' : '127.0.0.1'
      const words = [host, String(doors[door].port), key.login, key.value, door, local('cert.pem')]
      expect(await succeed('python3', ['-c', PYTHON, ...words])).toBe('fine\n')
    },
  )
})

test('bytes: what one program wrote another reads (F1)', async () => {
  if (!program('curl') || !program('lftp')) return
  const bytes = randomBytes(3 * MIB)
  await writeFile(local('cross'), bytes)
  await succeed('curl', [
    '-sS',
    '-u',
    `${key.login}:${key.value}`,
    '-T',
    local('cross'),
    url('plain', '/cross'),
  ])
  const words = `set ftp:ssl-allow no; get /cross -o ${local('cross-back')}; bye`
  await succeed('lftp', ['-u', `${key.login},${key.value}`, '-e', words, url('plain')])
  expect(await same(local('cross'), local('cross-back'))).toBe(true)
})
