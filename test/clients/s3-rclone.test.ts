import { readdir, readFile, stat, utimes } from 'node:fs/promises'
import { DeleteObjectCommand, HeadObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { program } from './programs.ts'
import { run, succeed } from './run.ts'
import { AWKWARD, multipartEtag, type S3Server, same, startS3Server } from './s3-server.ts'
import { difference, makeSmallFiles } from './trees.ts'

const PROVIDERS = ['Other', 'Minio'] as const

let s3: S3Server
beforeAll(async () => {
  s3 = await startS3Server()
  for (const provider of PROVIDERS) await makeSmallFiles(s3.local(provider), 60)
})
afterAll(() => s3[Symbol.asyncDispose]())

function environment(provider: string): Record<string, string> {
  return {
    RCLONE_CONFIG: '/dev/null',
    RCLONE_CONFIG_S3_TYPE: 's3',
    RCLONE_CONFIG_S3_PROVIDER: provider,
    RCLONE_CONFIG_S3_ENDPOINT: s3.url,
    RCLONE_CONFIG_S3_REGION: 'local',
    RCLONE_CONFIG_S3_ACCESS_KEY_ID: s3.accessKeyId,
    RCLONE_CONFIG_S3_SECRET_ACCESS_KEY: s3.secretAccessKey,
  }
}

describe.skipIf(!program('rclone')).each(PROVIDERS)('rclone, provider %s', (provider) => {
  const folder = `rclone-${provider}`
  const base = `s3:box/${folder}`
  const rclone = (...args: string[]) => succeed('rclone', args, { env: environment(provider) })

  test('check 18: a second sync sends nothing; touch and sync keeps the time exact; check is clean', async () => {
    const tree = s3.local(provider)
    await rclone('sync', tree, `${base}/tree`)
    expect(await difference(tree, s3.real('box', folder, 'tree'))).toBe('')
    const log = s3.local(`second-${provider}.log`)
    await rclone('sync', '-v', '--log-file', log, tree, `${base}/tree`)
    expect(await readFile(log, 'utf8')).toContain('There was nothing to transfer')
    const touched = s3.local(provider, 'dir 0/plain 0.txt')
    await utimes(touched, 1_500_000_000.25, 1_500_000_000.25)
    await rclone('sync', tree, `${base}/tree`)
    const Key = `${folder}/tree/dir 0/plain 0.txt`
    const head = await s3.client.send(new HeadObjectCommand({ Bucket: 'box', Key }))
    expect(head.Metadata?.mtime).toBe('1500000000.25')
    await rclone('check', tree, `${base}/tree`)
  })

  test('check 19: an upload in parts and its hash', async () => {
    await rclone('copy', '--s3-upload-cutoff', '5M', '--s3-chunk-size', '5M', s3.local('big'), base)
    expect(await same(s3.local('big'), s3.real('box', folder, 'big'))).toBe(true)
    await rclone('check', '--one-way', '--include', '/big', s3.local(), base)
    const head = await s3.client.send(new HeadObjectCommand({ Bucket: 'box', Key: `${folder}/big` }))
    expect(head.ETag).toBe(await multipartEtag(s3.local('big'), 5 * 1024 * 1024))
    await rclone('copyto', `${base}/big`, s3.local(`big.${provider}`))
    expect(await same(s3.local('big'), s3.local(`big.${provider}`))).toBe(true)
  })

  test('check 20: lsf, cat from the middle, folder markers, move and purge', async () => {
    const twenty = `${base}-20`
    const real = (...names: string[]) => s3.real('box', `${folder}-20`, ...names)
    await rclone('copy', s3.local(provider), `${twenty}/tree`)
    await rclone('copyto', s3.local('small'), `${twenty}/small`)
    expect(await rclone('lsf', twenty)).toBe('small\ntree/\n')
    expect(await rclone('cat', '--offset', '7', '--count', '5', `${twenty}/small`)).toBe('bytes')
    const marker = { Bucket: 'box', Key: `${folder}-20/marker/` }
    await s3.client.send(new PutObjectCommand({ ...marker, ContentLength: 0 }))
    expect(await rclone('lsf', '--dirs-only', twenty)).toBe('marker/\ntree/\n')
    await rclone('moveto', `${twenty}/tree`, `${twenty}/moved`)
    expect(await difference(s3.local(provider), real('moved'))).toBe('')
    await rclone('purge', twenty)
    // This rclone takes no notice of markers, at any server: purging leaves them.
    expect(await readdir(real())).toEqual(['marker'])
    await s3.client.send(new DeleteObjectCommand(marker))
    await expect(stat(real())).rejects.toThrow('ENOENT')
  })

  test('check 28: an awkward key', async () => {
    await rclone('copyto', s3.local('small'), `${base}/${AWKWARD}`)
    expect(await rclone('lsf', base)).toContain(AWKWARD)
    await rclone('copyto', `${base}/${AWKWARD}`, s3.local(`awkward.${provider}`))
    expect(await same(s3.local('small'), s3.local(`awkward.${provider}`))).toBe(true)
    await rclone('deletefile', `${base}/${AWKWARD}`)
    await expect(stat(s3.real('box', folder, AWKWARD))).rejects.toThrow('ENOENT')
  })
})

describe('R1: a key disabled in the middle of an upload', () => {
  test.skipIf(!program('rclone'))('ends it and leaves no partial file', async () => {
    const key = await s3.issue('cut')
    const target =
      `:s3,provider=Other,endpoint='${s3.url}',region=local,access_key_id=${key.access_key_id},` +
      `secret_access_key=${key.secret_access_key}:box/cut`
    const slowly = ['--bwlimit', '1M', '--retries', '1', '--low-level-retries', '1', '--s3-no-head']
    const words = ['copyto', ...slowly, '--s3-no-check-bucket', s3.local('big'), target]
    const copying = run('rclone', words, { env: { RCLONE_CONFIG: '/dev/null' } })
    const uploading = async () => {
      const { sessions } = await s3.api<{ sessions: readonly object[] }>('GET', '/sessions')
      return JSON.stringify(sessions).includes(key.id)
    }
    await expect.poll(uploading, { timeout: 60_000, interval: 200 }).toBe(true)
    await s3.api('PATCH', `/keys/${key.id}`, { enabled: false })
    expect((await copying).code).not.toBe(0)
    await expect(stat(s3.real('box/cut'))).rejects.toThrow('ENOENT')
  })
})
