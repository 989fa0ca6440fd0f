import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { program } from './programs.ts'
import { run, succeed } from './run.ts'
import { ok, type SftpDoor, SSH, same, startSftp } from './sftp-door.ts'
import { makeBigFile, makeSmallFiles } from './trees.ts'

const MIB = 1024 ** 2
/** Around the sizes of packets, windows and buffers. */
const SIZES = [0, 1, 4095, 32_768, 32_769, 261_120, 261_121, 2 * MIB + 1, 20 * MIB - 1]

let door: SftpDoor

beforeAll(async () => {
  door = await startSftp()
  await makeBigFile(join(door.local, 'random'), 20)
  const random = await readFile(join(door.local, 'random'))
  for (const size of SIZES) await writeFile(join(door.local, `size-${size}`), random.subarray(0, size))
  await makeSmallFiles(join(door.local, 'tree'), 220)
})
afterAll(() => door[Symbol.asyncDispose]())

const local = (name: string) => join(door.local, name)

describe('every size, up and down', () => {
  test('OpenSSH sftp', async () => {
    if (!program('sshpass')) return
    const lines = SIZES.map(
      (size) => `put ${local(`size-${size}`)} /o-${size}\nget /o-${size} ${local(`o-${size}`)}`,
    )
    await ok(door.sftp(lines.join('\n')))
    for (const size of SIZES) await same(local(`size-${size}`), local(`o-${size}`))
  })

  test('psftp (check 11)', async () => {
    if (!program('psftp')) return
    const lines = SIZES.map(
      (size) => `put ${local(`size-${size}`)} /p-${size}\nget /p-${size} ${local(`p-${size}`)}`,
    )
    await ok(door.psftp(lines.join('\n')))
    for (const size of SIZES) await same(local(`size-${size}`), local(`p-${size}`))
  })

  test('lftp', async () => {
    if (!program('lftp')) return
    const lines = SIZES.map(
      (size) => `put ${local(`size-${size}`)} -o /l-${size}; get /l-${size} -o ${local(`l-${size}`)}`,
    )
    await ok(door.lftp(lines.join('; ')))
    for (const size of SIZES) await same(local(`size-${size}`), local(`l-${size}`))
  })

  test('rclone', async () => {
    if (!program('rclone')) return
    await ok(door.rclone(['copy', door.local, 'door:/r', '--include', '/size-*']))
    await ok(door.rclone(['check', '--download', door.local, 'door:/r', '--include', '/size-*']))
  })

  test('curl', async () => {
    if (!program('curl')) return
    for (const size of SIZES) {
      const url = `sftp://127.0.0.1:${door.port}/c-${size}`
      await ok(door.curl(['-T', local(`size-${size}`), url]))
      await ok(door.curl(['-o', local(`c-${size}`), url]))
      await same(local(`size-${size}`), local(`c-${size}`))
    }
  })

  test('paramiko: pipelined writes, confirmed size, prefetch, getfo', async () => {
    if (!program('/usr/bin/python3')) return
    const script = `
for size in ${JSON.stringify(SIZES)}:
    name = local + '/size-%d' % size
    data = open(name, 'rb').read()
    sftp.put(name, '/y-%d' % size, confirm=True)
    with sftp.open('/z-%d' % size, 'wb') as file:
        file.set_pipelined(True)
        for at in range(0, size, 30000):
            file.write(data[at:at + 30000])
    for path in ('/y-%d' % size, '/z-%d' % size):
        into = io.BytesIO()
        sftp.getfo(path, into)
        assert into.getvalue() == data, path
        with sftp.open(path, 'rb') as file:
            file.prefetch()
            assert file.read() == data, path
print('done')
transport.close()
`
    expect(await ok(door.paramiko(script))).toContain('done')
  })

  test('scp in its SFTP mode, up, down and with times', async () => {
    if (!program('sshpass')) return
    const scp = (...args: string[]) =>
      ok(
        run('sshpass', ['-e', 'scp', ...SSH, '-P', `${door.port}`, ...args], {
          env: { SSHPASS: door.key.value },
        }),
      )
    const at = (path: string) => `${door.key.login}@127.0.0.1:${path}`
    await succeed('touch', ['-d', '@1600000000', local('random')])
    await scp('-rp', local('tree'), at('/scp-tree'))
    await same(local('tree'), door.remote('scp-tree'))
    await scp('-p', local('random'), at('/scp-random'))
    await scp('-p', at('/scp-random'), local('scp-random'))
    await same(local('random'), local('scp-random'))
    expect((await stat(local('scp-random'))).mtimeMs).toBe(1_600_000_000_000)
  })

  test('200 MiB by OpenSSH with default and small requests, down by four at once', async () => {
    if (!program('sshpass')) return
    await makeBigFile(local('200'), 200)
    await ok(door.sftp(`put ${local('200')} /big`))
    await ok(door.sftp(`put ${local('200')} /big-small`, { more: ['-B', '4096', '-R', '200'] }))
    await same(local('200'), door.remote('big'))
    await same(local('200'), door.remote('big-small'))
    await Promise.all([0, 1, 2, 3].map((i) => ok(door.sftp(`get /big ${local(`back-${i}`)}`))))
    for (const i of [0, 1, 2, 3]) await same(local('200'), local(`back-${i}`))
  })
})

describe('what programs ask besides', () => {
  test('sftp cp uses copy-data, df works; links and owners are refused, modes do no harm (check 12)', async () => {
    if (!program('sshpass')) return
    const shown = await ok(
      door.sftp(`put ${local('random')} /a\ncp /a /b\nchmod 600 /b\ndf -h /`, { more: ['-vv'] }),
    )
    expect(shown).toContain('copy-data')
    expect(shown).toContain('%Capacity')
    await same(local('random'), door.remote('b'))
    for (const [command, words] of [
      ['ln -s /etc /link', /operation unsupported/i],
      ['ln /a /hard', /does not support|unsupported/i],
      ['chown 12345 /a', /ownership|operation unsupported/i],
    ] as const) {
      const { code, stderr } = await door.sftp(command)
      expect([code, stderr], command).toEqual([1, expect.stringMatching(words)])
    }
  })

  test('a path from the home folder: ~ and ~user (expand-path)', async () => {
    if (!program('sshpass')) return
    await writeFile(door.remote('tilde'), 'text')
    expect(await ok(door.sftp('ls -l tilde'))).toContain('tilde')
    expect(
      await ok(
        run(
          'sshpass',
          ['-e', 'scp', ...SSH, '-P', `${door.port}`, `${door.key.login}@127.0.0.1:~/tilde`, local('t')],
          {
            env: { SSHPASS: door.key.value },
          },
        ),
      ),
    ).toBeDefined()
    expect(await readFile(local('t'), 'utf8')).toBe('text')
  })

  test('ls -l of 10,000 files shows each (check 13)', async () => {
    if (!program('sshpass')) return
    const folder = door.remote('many')
    await succeed('sh', ['-c', `mkdir '${folder}' && cd '${folder}' && seq 10000 | xargs touch`])
    const lines = (await ok(door.sftp('ls -l /many'))).split('\n').filter((line) => line.startsWith('-rw'))
    expect(lines).toHaveLength(10_000)
  })

  test('lftp mirror with --continue, --only-newer and --delete agrees with what is there', async () => {
    if (!program('lftp')) return
    await ok(door.lftp(`mirror -R --parallel=4 ${local('tree')} /m`))
    const again = await ok(door.lftp(`mirror -R --only-newer --verbose ${local('tree')} /m`))
    expect(again).not.toMatch(/Transferring file/)
    await writeFile(door.remote('m/extra'), 'x')
    await ok(door.lftp(`mirror -R --continue --delete ${local('tree')} /m`))
    await same(local('tree'), door.remote('m'))
    await writeFile(local('part'), (await readFile(local('random'))).subarray(0, 7_000_001))
    await writeFile(door.remote('random'), await readFile(local('random')))
    await ok(door.lftp(`get -c /random -o ${local('part')}`))
    await same(local('random'), local('part'))
  })
})
