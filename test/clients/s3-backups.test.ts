import { mkdir, rm, writeFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { program } from './programs.ts'
import { start, succeed } from './run.ts'
import { type S3Server, startS3Server } from './s3-server.ts'
import { difference, makeBigFile, makeSmallFiles } from './trees.ts'

let s3: S3Server
beforeAll(async () => {
  s3 = await startS3Server()
  await makeSmallFiles(s3.local('tree'), 60)
  await makeBigFile(s3.local('tree/big'), 20)
})
afterAll(() => s3[Symbol.asyncDispose]())

describe.skipIf(!program('restic'))('restic', () => {
  const environment = () => ({
    ...s3.env,
    RESTIC_REPOSITORY: `s3:${s3.url}/restic-bucket`,
    RESTIC_PASSWORD: 'a passphrase',
    RESTIC_CACHE_DIR: s3.local('restic-cache'),
  })
  const restic = (...args: string[]) => succeed('restic', args, { env: environment() })

  test('check 21: init, backup, check --read-data, restore, forget --prune', async () => {
    await restic('init')
    await restic('backup', s3.local('tree'))
    await restic('check', '--read-data')
    await restic('restore', 'latest', '--target', s3.local('restored'))
    expect(await difference(s3.local('tree'), s3.local('restored', s3.local('tree')))).toBe('')
    await writeFile(s3.local('tree/added'), 'more')
    await restic('backup', s3.local('tree'))
    await restic('forget', '--keep-last', '1', '--prune')
    expect(JSON.parse(await restic('snapshots', '--json'))).toHaveLength(1)
    await restic('check')
  })

  test('a backup that was killed goes on, and the repository is whole', async () => {
    await makeBigFile(s3.local('tree/second'), 30)
    const words = ['backup', '--limit-upload', '8192', s3.local('tree')]
    const cut = start('restic', words, { env: environment() })
    await delay(2_500)
    cut.child.kill('SIGKILL')
    await cut.done
    await restic('unlock')
    await restic('backup', s3.local('tree'))
    await restic('check')
    await rm(s3.local('restored'), { recursive: true, force: true })
    await restic('restore', 'latest', '--target', s3.local('restored'))
    expect(await difference(s3.local('tree'), s3.local('restored', s3.local('tree')))).toBe('')
  })
})

describe.skipIf(!program('duplicity'))('duplicity', () => {
  test('check 25: a full backup, a second volume of changes, restore', async () => {
    await mkdir(s3.local('gnupg'), { mode: 0o700 })
    await mkdir(s3.local('source'))
    await makeSmallFiles(s3.local('source'), 20)
    await makeBigFile(s3.local('source/big'), 8)
    const env = { ...s3.env, PASSPHRASE: 'a passphrase', GNUPGHOME: s3.local('gnupg') }
    const at = ['--s3-endpoint-url', s3.url, '--s3-region-name', 'local', '--archive-dir', s3.local('cache')]
    const options = [...at, '--no-encryption', '--volsize', '5']
    const target = 'boto3+s3://box/duplicity'
    await succeed('duplicity', ['full', ...options, s3.local('source'), target], { env })
    await writeFile(s3.local('source/added'), 'more')
    await succeed('duplicity', ['incremental', ...options, s3.local('source'), target], { env })
    await succeed('duplicity', ['restore', ...options, target, s3.local('restored-by-duplicity')], { env })
    expect(await difference(s3.local('source'), s3.local('restored-by-duplicity'))).toBe('')
  })
})
