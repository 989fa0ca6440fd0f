import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { WorldKey } from '#test/world.ts'
import { program } from './programs.ts'
import { type Cable, ok, type SftpDoor, same, startCable, startSftp } from './sftp-door.ts'
import { makeBigFile } from './trees.ts'

const MIB = 1024 ** 2
let door: SftpDoor
let cable: Cable
let big: string
let other: WorldKey

beforeAll(async () => {
  door = await startSftp()
  cable = await startCable(door.port)
  big = join(door.local, 'big.bin')
  other = await door.world.issue()
  await makeBigFile(big, 24)
  await makeBigFile(join(door.local, 'small.bin'), 2)
})
afterAll(async () => {
  await cable[Symbol.asyncDispose]()
  await door[Symbol.asyncDispose]()
})
beforeEach(() => cable.cutAfter(9 * MIB))

const kept = async () => (await readdir(door.remote('.latchkey/lost')).catch(() => [])).length

async function untilKept(): Promise<void> {
  for (let i = 0; i < 250 && (await kept()) === 0; i++) await delay(20)
  expect(await kept()).toBe(1)
}

describe('an upload goes on after its connection was lost (SFTP page, point 4)', () => {
  test('OpenSSH: put, then reput; the old file stays until then (check 5)', async () => {
    if (!program('sshpass')) return
    await writeFile(door.remote('openssh.bin'), 'old')
    expect((await door.sftp(`put "${big}" /openssh.bin`, { port: cable.port })).code).not.toBe(0)
    await untilKept()
    expect(await readFile(door.remote('openssh.bin'), 'utf8')).toBe('old')
    const shown = await ok(door.sftp('ls -l /openssh.bin'))
    const size = Number(/0 +(\d+) [A-Z]/.exec(shown)?.[1])
    expect(size).toBeGreaterThan(MIB)
    expect(size).toBeLessThan(24 * MIB)
    expect(await ok(door.sftp('ls -l /openssh.bin', { by: other }))).toMatch(/ 3 [A-Z]/)
    await ok(door.sftp(`reput "${big}" /openssh.bin`))
    await same(big, door.remote('openssh.bin'))
    expect(await kept()).toBe(0)
  })

  test('lftp: put, then put -c (check 7)', async () => {
    if (!program('lftp')) return
    expect((await door.lftp(`put "${big}" -o /lftp.bin`, { port: cable.port })).code).not.toBe(0)
    await untilKept()
    await ok(door.lftp(`put -c "${big}" -o /lftp.bin`))
    await same(big, door.remote('lftp.bin'))
    expect(await kept()).toBe(0)
  })

  test('lftp goes on by itself when it may try again', async () => {
    if (!program('lftp')) return
    cable.cutAfter(9 * MIB, true)
    await ok(door.lftp(`put -c "${big}" -o /lftp-again.bin`, { port: cable.port, retries: 5 }))
    await same(big, door.remote('lftp-again.bin'))
    expect(await kept()).toBe(0)
  })

  test('psftp: put, then reput (check 11)', async () => {
    if (!program('psftp')) return
    expect((await door.psftp(`put "${big}" /psftp.bin`, { port: cable.port })).code).not.toBe(0)
    await untilKept()
    await ok(door.psftp(`reput "${big}" /psftp.bin`))
    await same(big, door.remote('psftp.bin'))
    expect(await kept()).toBe(0)
  })

  test('curl -C - goes on', async () => {
    if (!program('curl')) return
    const url = (port: number) => `sftp://127.0.0.1:${port}/curl.bin`
    expect((await door.curl(['-T', big, url(cable.port)])).code).not.toBe(0)
    await untilKept()
    await ok(door.curl(['-C', '-', '-T', big, url(door.port)]))
    await same(big, door.remote('curl.bin'))
    expect(await kept()).toBe(0)
  })

  test('rclone tries again from the start, and nothing is left over', async () => {
    if (!program('rclone')) return
    cable.cutAfter(9 * MIB, true)
    await ok(door.rclone(['--retries', '3', 'copyto', big, 'door:/rclone.bin'], { port: cable.port }))
    await same(big, door.remote('rclone.bin'))
    expect(await kept()).toBe(0)
  })

  test('as WinSCP does it: .filepart, size asked for, finished, renamed', async () => {
    if (!program('/usr/bin/python3')) return
    const start = `
file = sftp.open('/winscp.bin.filepart', 'w')
file.set_pipelined(True)
data = open(local + '/small.bin', 'rb').read()
file.write(data[:1000000])
file.flush()
print(sftp.stat('/winscp.bin.filepart').st_size)
os._exit(1)
`
    await door.paramiko(start)
    await untilKept()
    const finish = `
size = sftp.lstat('/winscp.bin.filepart').st_size
file = sftp.open('/winscp.bin.filepart', 'r+')
file.seek(size)
file.write(open(local + '/small.bin', 'rb').read()[size:])
file.close()
sftp.rename('/winscp.bin.filepart', '/winscp.bin')
print(size)
os._exit(0)
`
    expect(Number(await ok(door.paramiko(finish)))).toBe(1_000_000)
    await same(join(door.local, 'small.bin'), door.remote('winscp.bin'))
    expect(await kept()).toBe(0)
  })

  test('R1: the key is disabled, and nothing is left of it', async () => {
    if (!program('sshpass')) return
    const doomed = await door.world.issue()
    await door.sftp(`put "${big}" /doomed.bin`, { port: cable.port, by: doomed })
    await untilKept()
    await door.world.disable(doomed.id)
    for (let i = 0; i < 50 && (await kept()) > 0; i++) await delay(20)
    expect(await kept()).toBe(0)
    await expect(stat(door.remote('doomed.bin'))).rejects.toThrow('ENOENT')
  })
})
