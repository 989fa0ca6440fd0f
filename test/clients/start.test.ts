import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { program } from './programs.ts'
import { run, start } from './run.ts'
import { latchkey, startServer } from './server.ts'

let dir: string
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'latchkey-start-'))
})
afterEach(() => rm(dir, { recursive: true, force: true }))

describe('O1: starting', () => {
  test('the first start prints a link and a key, the second finds everything and shows no secret', async () => {
    const first = await startServer({ dir })
    expect(first.printed).toMatch(/ {2}console http:\/\/127\.0\.0\.1:\d+\/console\n/)
    expect(first.printed).toMatch(/one-time link:\n {2}http:\/\/127\.0\.0\.1:\d+\/start\/[0-9A-Za-z]{43}/)
    expect(first.printed).toMatch(/value {2}lk_[0-9A-Za-z]{8}_[0-9A-Za-z]{38}/)
    expect((await stat(join(first.data, 'demo.json'))).mode & 0o777).toBe(0o600)
    expect((await stat(join(first.data, 'master.key'))).mode & 0o777).toBe(0o600)
    expect((await stat(join(first.data, 'ssh_host_ed25519_key'))).mode & 0o777).toBe(0o600)
    const hostKey = await readFile(join(first.data, 'ssh_host_ed25519_key'), 'utf8')
    expect(await first.stop()).toBe(0)

    const plain = start(process.execPath, ['bin/latchkey.js', 'serve', '--free-ports', '--data', first.data])
    let printed = ''
    plain.child.stdout?.on('data', (chunk: Buffer) => {
      printed += chunk
      if (printed.includes('ready\n')) plain.child.kill('SIGTERM')
    })
    const { code } = await plain.done
    expect(code).toBe(0)
    expect(printed).toContain('ready\n')
    expect(printed).not.toMatch(/lk_|LK[0-9A-Z]{18}|start\//)
    expect(await readFile(join(first.data, 'ssh_host_ed25519_key'), 'utf8')).toBe(hostKey)
    expect(JSON.parse(await readFile(join(first.data, 'addresses.json'), 'utf8'))).toMatchObject({
      webdav: expect.stringMatching(/^http:/),
      sftp: expect.stringMatching(/^sftp:/),
    })

    await using third = await startServer({ dir })
    expect(third.demo.value).toBe(first.demo.value)
    expect(third.demo.webdav).not.toBe(first.demo.webdav)
  })

  test('the printed lines work as they stand', async () => {
    await using server = await startServer({ dir })
    const blocks = server.printed.split(/^# /m).slice(1)
    const block = (word: string) =>
      blocks
        .find((one) => one.startsWith(word))
        ?.split('\n')
        .slice(1)
        .join('\n') ?? ''
    const cwd = await mkdtemp(join(dir, 'cwd-'))
    if (program('curl')) {
      expect((await run('sh', ['-ec', block('curl')], { cwd })).stdout).toContain('hello')
    }
    if (program('lftp')) {
      const { code, stdout } = await run('sh', ['-ec', block('lftp')], { cwd })
      expect([code, stdout]).toEqual([0, expect.stringContaining('hello.txt')])
    }
    if (program('aws')) {
      const { code, stdout } = await run('sh', ['-ec', block('aws')], { cwd })
      expect([code, stdout]).toEqual([0, expect.stringContaining('demo')])
    }
    if (program('rclone')) {
      const { writeFile } = await import('node:fs/promises')
      await writeFile(join(cwd, 'rclone.conf'), block('rclone').split('\n\nThe key')[0] ?? '')
      for (const remote of ['latchkey:', 'latchkey-sftp:', 'latchkey-s3:']) {
        const { code, stdout, stderr } = await run('rclone', [
          '--config',
          join(cwd, 'rclone.conf'),
          'lsf',
          remote,
        ])
        expect([code, stdout], stderr).toEqual([0, expect.stringContaining('demo/')])
      }
    }
    if (program('sshpass')) {
      const value = /password: (\S+)\)/.exec(blocks.find((one) => one.startsWith('sftp')) ?? '')?.[1] ?? ''
      const line = block('sftp')
        .trim()
        .replace(/^sftp/, 'sftp -oStrictHostKeyChecking=no -oUserKnownHostsFile=/dev/null')
      const { code, stdout } = await run('sh', ['-ec', `sshpass -e ${line}`], {
        input: 'ls\n',
        env: { SSHPASS: value },
      })
      expect([code, stdout]).toEqual([0, expect.stringContaining('demo')])
    }
  })

  test('configuration mistakes are told all at once, with their places', async () => {
    const { writeFile } = await import('node:fs/promises')
    const file = join(dir, 'latchkey.yaml')
    await writeFile(file, 'webdav:\n  listen: [{ port: 70000 }]\ncolour: blue\n')
    const { code, stderr } = await latchkey(['serve', '--data', join(dir, 'data'), '--config', file])
    expect(code).toBe(2)
    expect(stderr).toContain(`${file}:2: webdav.listen.0.port`)
    expect(stderr).toContain(`${file}:3: colour`)
    expect(await readdir(dir)).toEqual(['latchkey.yaml'])
  })

  test('a taken port is a clear message, and the doors that started are stopped again', async () => {
    const { writeFile } = await import('node:fs/promises')
    const squatter = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => squatter.once('listening', resolve))
    const address = squatter.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    const file = join(dir, 'latchkey.yaml')
    await writeFile(
      file,
      `webdav: { listen: [{ port: 0 }] }\ns3: { listen: [{ port: 0 }] }\nsftp: { listen: [{ port: 0 }] }\nftp: { listen: [{ port: ${port} }] }\nrest: { listen: [{ port: 0 }] }\n`,
    )
    const { code, stderr } = await latchkey(['serve', '--data', join(dir, 'data'), '--config', file])
    squatter.close()
    expect(code).toBe(1)
    expect(stderr).toContain(`ftp: cannot listen on 127.0.0.1:${port}: another program has this port`)
    expect(stderr).not.toContain('at ')
  })

  test('a second server on the same data folder is refused', async () => {
    await using server = await startServer({ dir })
    const { code, stderr } = await latchkey(['serve', '--free-ports', '--data', server.data])
    expect([code, stderr]).toEqual([1, expect.stringContaining('another Latchkey server is running')])
    expect((await fetch(`${server.demo.rest}/health/live`)).status).toBe(200)
  })

  test('a server that was killed does not keep the next one from starting', async () => {
    const first = await startServer({ dir })
    await first.stop('SIGKILL')
    await using second = await startServer({ dir })
    expect(second.demo.value).toBe(first.demo.value)
  })

  test('SIGTERM lets a running upload finish, then ends with 0', async () => {
    if (!program('curl')) return
    await using server = await startServer({ dir })
    await run('truncate', ['-s', '30M', join(dir, 'thirty.bin')])
    const { login, value, webdav } = server.demo
    const args = [
      '-sS',
      '--fail',
      '--limit-rate',
      '15M',
      '-u',
      `${login}:${value}`,
      '-T',
      join(dir, 'thirty.bin'),
    ]
    const upload = start('curl', [...args, `${webdav}/demo/thirty.bin`])
    await new Promise((resolve) => setTimeout(resolve, 700))
    const ended = server.stop('SIGTERM')
    expect((await upload.done).code).toBe(0)
    expect(await ended).toBe(0)
    expect((await stat(join(server.files, 'demo/thirty.bin'))).size).toBe(30 * 1024 * 1024)
    expect(await readdir(join(server.files, '.latchkey/staging'))).toEqual([])
  })
})
