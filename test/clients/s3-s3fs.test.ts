import { existsSync } from 'node:fs'
import {
  appendFile,
  chmod,
  copyFile,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { program } from './programs.ts'
import { type Running, run, start } from './run.ts'
import { AWKWARD, type S3Server, same, startS3Server } from './s3-server.ts'

// Without the kernel's FUSE nothing can be mounted, whatever is installed.
const able = existsSync('/dev/fuse') && process.getuid?.() === 0
if (!able) console.warn('SKIPPED: s3fs needs /dev/fuse and root')

describe.skipIf(!program('s3fs') || !able)('s3fs', () => {
  let s3: S3Server
  let mounted: Running
  const at = (...names: string[]) => s3.local('mnt', ...names)

  beforeAll(async () => {
    s3 = await startS3Server()
    await mkdir(at())
    await writeFile(s3.local('passwd'), `${s3.accessKeyId}:${s3.secretAccessKey}`, { mode: 0o600 })
    const options = [
      `url=${s3.url}`,
      `passwd_file=${s3.local('passwd')}`,
      'endpoint=local',
      'stat_cache_expire=1',
    ]
    const words = [
      'box',
      at(),
      '-f',
      '-o',
      [...options, 'use_path_request_style', 'multipart_size=5'].join(','),
    ]
    mounted = start('s3fs', words, { timeout: 600_000 })
    for (let tries = 0; tries < 300 && !(await isMounted(at())); tries++) await delay(100)
  })
  afterAll(async () => {
    await run('umount', ['--lazy', at()])
    await mounted.done
    await s3[Symbol.asyncDispose]()
  })

  test('check 24: mkdir, 20 MB, append, mv of a folder, chmod, rm -r', async () => {
    await mkdir(at('dir/sub'), { recursive: true })
    await copyFile(s3.local('big'), at('dir/sub/big'))
    expect(await same(s3.local('big'), s3.real('box/dir/sub/big'))).toBe(true)
    await appendFile(at('dir/sub/big'), 'behind the end')
    const grown = await readFile(s3.real('box/dir/sub/big'))
    expect(grown.subarray(-14).toString()).toBe('behind the end')
    expect(grown.length).toBe(20 * 1024 * 1024 + 14)
    await chmod(at('dir/sub/big'), 0o640)
    expect((await stat(at('dir/sub/big'))).mode & 0o777).toBe(0o640)
    await rename(at('dir'), at('moved'))
    expect(await readdir(s3.real('box/moved/sub'))).toEqual(['big'])
    expect((await readFile(at('moved/sub/big'))).equals(grown)).toBe(true)
    await rm(at('moved'), { recursive: true })
    await expect(stat(s3.real('box/moved'))).rejects.toThrow('ENOENT')
  })

  test('check 28: an awkward name', async () => {
    await copyFile(s3.local('small'), at(AWKWARD))
    expect(await same(s3.local('small'), s3.real('box', AWKWARD))).toBe(true)
    expect(await readdir(at())).toEqual([AWKWARD])
    await rm(at(AWKWARD))
    expect(await readdir(s3.real('box'))).toEqual([])
  })

  test('what another door puts there is seen', async () => {
    await writeFile(s3.real('box/from outside'), 'text')
    expect(await readFile(at('from outside'), 'utf8')).toBe('text')
  })
})

async function isMounted(path: string): Promise<boolean> {
  return (await readFile('/proc/mounts', 'utf8')).includes(` ${path} fuse.s3fs `)
}
