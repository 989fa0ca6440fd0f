import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makeCertificate, type Pem, save } from '../certificate.ts'
import { program } from './programs.ts'
import { run, succeed } from './run.ts'
import { latchkey, type Server, startServer } from './server.ts'

let dir: string
let first: Pem
let server: Server
let ftps: URL

/** One server, whose doors all speak TLS, FTP both ways; the second FTP listener wants sessions resumed. */
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'latchkey-tls-'))
  first = await makeCertificate()
  const files = await save(dir, 'first', first)
  const secure = '{ listen: [{ port: 0, tls: true }] }'
  const config = `tls: [{ certificate: ${files.certificate}, key: ${files.key} }]
webdav: ${secure}
s3: ${secure}
rest: ${secure}
ftp:
  listen: [{ port: 0, tls: implicit }, { port: 0 }]
  require_tls: true
  require_session_reuse: true
`
  server = await startServer({ config })
  ftps = new URL(server.demo.ftp)
})

afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await rm(dir, { recursive: true })
})

function trusted(): string[] {
  return ['-sS', '--cacert', join(dir, 'first.crt')]
}

describe.runIf(program('curl'))('curl', () => {
  test('every door that a listener says so of speaks TLS, and nothing in the clear', async () => {
    const { webdav, s3, rest, login, value } = server.demo
    for (const url of [webdav, s3, rest]) {
      expect(url).toMatch(/^https:/)
      const status = await succeed('curl', [...trusted(), '-o', '/dev/null', '-w', '%{http_code}', url])
      expect(Number(status), url).toBeGreaterThan(199)
      const plain = await run('curl', ['-sS', '--max-time', '5', url.replace('https:', 'http:')])
      expect(plain.stdout, url).toBe('')
      expect(plain.code, url).not.toBe(0)
    }
    const dav = await run('curl', [
      ...trusted(),
      '-u',
      `${login}:${value}`,
      `${webdav}/`,
      '-X',
      'OPTIONS',
      '-i',
    ])
    expect(dav.stdout).toMatch(/^dav: /im)
  })

  test('implicit FTPS with sessions that must be resumed: up, list and down (check 2)', async () => {
    const { login, value } = server.demo
    expect(ftps.protocol).toBe('ftps:')
    const at = [...trusted(), '-u', `${login}:${value}`]
    await writeFile(join(dir, 'hello'), 'hello over TLS')
    const url = `${server.demo.ftp}/demo/hello`
    await succeed('curl', [...at, '-T', join(dir, 'hello'), url])
    expect(await succeed('curl', [...at, `${server.demo.ftp}/demo/`])).toContain('hello')
    expect(await succeed('curl', [...at, url])).toBe('hello over TLS')
  })
})

describe.runIf(program('openssl'))('openssl s_client', () => {
  const client = (...words: string[]) =>
    run('openssl', ['s_client', '-connect', ftps.host, ...words], { input: 'QUIT\r\n', timeout: 20_000 })

  test('a session is offered to be resumed, by ticket', async () => {
    const ticket = join(dir, 'session.pem')
    const one = await client('-tls1_2', '-sess_out', ticket)
    expect(one.stdout).toMatch(/^New, TLSv1.2/m)
    // The door that requires resumption keeps each session's tickets to itself.
    const two = await client('-tls1_2', '-sess_in', ticket)
    expect(two.stdout).toMatch(/^New, TLSv1.2/m)
    expect(one.stdout).toMatch(/TLS session ticket lifetime hint/)
  })

  test('TLS 1.1 and ciphers without forward secrecy are refused', async () => {
    expect((await client('-tls1_1', '-cipher', 'DEFAULT:@SECLEVEL=0')).stdout).toMatch(/Cipher is \(NONE\)/)
    expect((await client('-tls1_2', '-cipher', 'AES128-SHA')).stdout).toMatch(/Cipher is \(NONE\)/)
  })

  test('a certificate that was replaced is shown to new connections after SIGHUP; a broken one is not', async () => {
    const second = await makeCertificate(['second.example'])
    await save(dir, 'first', second)
    process.kill(server.pid, 'SIGHUP')
    const subject = async () => /subject=(.*)/.exec((await client()).stdout)?.[1]
    await expect.poll(subject, { timeout: 10_000 }).toContain('second.example')
    await writeFile(join(dir, 'first.key'), first.key)
    process.kill(server.pid, 'SIGHUP')
    await new Promise((resolve) => setTimeout(resolve, 500))
    expect(await subject()).toContain('second.example')
    await save(dir, 'first', first)
    process.kill(server.pid, 'SIGHUP')
    await expect.poll(subject, { timeout: 10_000 }).toContain('localhost')
  })
})

const LOGINS = `
import ftplib, io, ssl, sys, threading
host, port, user, password = sys.argv[1:5]
class Implicit(ftplib.FTP_TLS):
    def __init__(self):
        super().__init__(context=ssl._create_unverified_context())
    @property
    def sock(self):
        return self._socket
    @sock.setter
    def sock(self, value):
        if value is not None and not isinstance(value, ssl.SSLSocket):
            value = self.context.wrap_socket(value)
        self._socket = value
    def ntransfercmd(self, cmd, rest=None):
        conn, size = ftplib.FTP.ntransfercmd(self, cmd, rest)
        return self.context.wrap_socket(conn, session=self.sock.session), size
failed = []
def work():
    for _ in range(100):
        try:
            ftp = Implicit()
            ftp.connect(host, int(port), timeout=60)
            ftp.login(user, password)
            ftp.quit()
        except Exception as error:
            failed.append(repr(error))
threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(len(failed), failed[:3])
`

describe.runIf(program('python3'))('python3 ftplib', () => {
  test('400 TLS logins, 4 at once, and none fails (check 3)', async () => {
    const { login, value } = server.demo
    const words = ['-c', LOGINS, ftps.hostname, ftps.port, login, value]
    expect(await succeed('python3', words, { timeout: 170_000 })).toBe('0 []\n')
  })
})

test('a certificate that cannot be used is said at the start, with its file', async () => {
  const config = join(dir, 'bad.yaml')
  await writeFile(join(dir, 'bad.crt'), 'hello')
  await writeFile(config, `tls: [{ certificate: ${join(dir, 'bad.crt')}, key: ${join(dir, 'first.key')} }]\n`)
  const { code, stderr } = await latchkey([
    'serve',
    '--config',
    config,
    '--data',
    join(dir, 'none'),
    '--free-ports',
  ])
  expect(code).toBe(1)
  expect(stderr).toContain('bad.crt: the certificate is no PEM certificate')
})
