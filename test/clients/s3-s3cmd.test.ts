import { copyFile, stat, truncate, writeFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { program } from './programs.ts'
import { run, succeed } from './run.ts'
import { AWKWARD, type S3Server, same, startS3Server } from './s3-server.ts'
import { difference, makeSmallFiles } from './trees.ts'

let s3: S3Server
beforeAll(async () => {
  s3 = await startS3Server()
  await makeSmallFiles(s3.local('tree'), 40)
  await writeFile(s3.local('s3cfg'), configuration(s3))
})
afterAll(() => s3[Symbol.asyncDispose]())

function configuration({ accessKeyId, secretAccessKey, port }: S3Server): string {
  return [
    '[default]',
    `access_key = ${accessKeyId}`,
    `secret_key = ${secretAccessKey}`,
    `host_base = 127.0.0.1:${port}`,
    `host_bucket = 127.0.0.1:${port}`,
    'bucket_location = local',
    'use_https = False',
    'multipart_chunk_size_mb = 5',
  ].join('\n')
}

describe.skipIf(!program('s3cmd'))('s3cmd', () => {
  const s3cmd = (...args: string[]) => succeed('s3cmd', ['-c', s3.local('s3cfg'), ...args])

  test('check 23: put, sync, cp, mv, info, modify, get, del -r', async () => {
    for (const file of ['small', 'zero', 'big']) await s3cmd('put', s3.local(file), `s3://box/s3cmd/${file}`)
    expect(await same(s3.local('big'), s3.real('box/s3cmd/big'))).toBe(true)
    await s3cmd('sync', `${s3.local('tree')}/`, 's3://box/s3cmd/tree/')
    expect(await difference(s3.local('tree'), s3.real('box/s3cmd/tree'))).toBe('')
    expect(await s3cmd('sync', `${s3.local('tree')}/`, 's3://box/s3cmd/tree/')).not.toContain('upload:')
    expect(await s3cmd('info', 's3://box/s3cmd/small')).toContain('MD5 sum')
    expect(await s3cmd('info', 's3://box')).toContain('Location:  local')
    await s3cmd('cp', 's3://box/s3cmd/small', 's3://box/s3cmd/copied')
    await s3cmd('mv', 's3://box/s3cmd/copied', 's3://box/s3cmd/moved')
    await s3cmd('modify', '--add-header', 'x-amz-meta-more: yes', 's3://box/s3cmd/moved')
    expect(await s3cmd('info', 's3://box/s3cmd/moved')).toContain('x-amz-meta-more')
    await s3cmd('get', '--force', 's3://box/s3cmd/moved', s3.local('s3cmd.back'))
    expect(await same(s3.local('small'), s3.local('s3cmd.back'))).toBe(true)
  })

  test('a download that was broken off goes on where it was', async () => {
    await copyFile(s3.local('big'), s3.local('s3cmd.part'))
    await truncate(s3.local('s3cmd.part'), 6_000_000)
    await s3cmd('get', '--continue', 's3://box/s3cmd/big', s3.local('s3cmd.part'))
    expect(await same(s3.local('big'), s3.local('s3cmd.part'))).toBe(true)
  })

  test('check 28: an awkward key', async () => {
    await s3cmd('put', s3.local('small'), `s3://box/s3cmd/${AWKWARD}`)
    expect(await s3cmd('ls', 's3://box/s3cmd/')).toContain(AWKWARD)
    await s3cmd('get', `s3://box/s3cmd/${AWKWARD}`, s3.local('awkward'))
    expect(await same(s3.local('small'), s3.local('awkward'))).toBe(true)
  })

  test('check 23: del -r leaves nothing; rb of a full bucket fails, rb -r empties it', async () => {
    await s3cmd('del', '-r', '--force', 's3://box/s3cmd')
    await expect(stat(s3.real('box/s3cmd'))).rejects.toThrow('ENOENT')
    await s3cmd('mb', 's3://bucket-of-s3cmd')
    await s3cmd('put', s3.local('small'), 's3://bucket-of-s3cmd/a/b')
    const refused = await run('s3cmd', ['-c', s3.local('s3cfg'), 'rb', 's3://bucket-of-s3cmd'])
    expect(refused.stderr).toContain('not empty')
    await s3cmd('rb', '-r', '--force', 's3://bucket-of-s3cmd')
    await expect(stat(s3.real('bucket-of-s3cmd'))).rejects.toThrow('ENOENT')
  })
})
