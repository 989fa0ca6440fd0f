import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { GetObjectCommand, HeadObjectCommand } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type S3World, startS3World } from '../protocols/s3/world-s3.ts'
import { program } from './programs.ts'
import { type Result, run, succeed } from './run.ts'
import { difference, makeBigFile, makeSmallFiles } from './trees.ts'

const AWKWARD = "a b+ü&=?#%25'()!~$ \u{1f600}"
// The first `aws` of PATH may be a shim of a version manager.
const AWS = program('/usr/bin/aws') ? '/usr/bin/aws' : 'aws'

let s3: S3World
let dir: string

beforeAll(async () => {
  s3 = await startS3World()
  dir = await mkdtemp(join(tmpdir(), 'latchkey-s3-clients-'))
  await mkdir(join(s3.world.root, 'box'))
  await makeSmallFiles(local('tree'), 60)
  await makeBigFile(local('big'), 20)
  await writeFile(local('small'), 'twenty bytes of text')
  await writeFile(local('zero'), '')
  await writeFile(local('s3cfg'), s3cmdConfig())
}, 60_000)

afterAll(async () => {
  await s3[Symbol.asyncDispose]()
  await rm(dir, { recursive: true })
})

function local(...names: string[]): string {
  return join(dir, ...names)
}

function real(...names: string[]): string {
  return join(s3.world.root, ...names)
}

async function same(a: string, b: string): Promise<boolean> {
  return (await readFile(a)).equals(await readFile(b))
}

function awsEnv(): Record<string, string> {
  return {
    AWS_ACCESS_KEY_ID: s3.key.accessKeyId,
    AWS_SECRET_ACCESS_KEY: s3.key.secretAccessKey,
    AWS_DEFAULT_REGION: 'local',
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_CONFIG_FILE: '/dev/null',
    AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
    AWS_PAGER: '',
  }
}

const aws = (...args: string[]): Promise<Result> =>
  run(AWS, ['--endpoint-url', s3.url, ...args], { env: awsEnv() })
const awsDone = (...args: string[]): Promise<string> =>
  succeed(AWS, ['--endpoint-url', s3.url, ...args], { env: awsEnv() })

function s3cmdConfig(): string {
  return [
    '[default]',
    `access_key = ${s3.key.accessKeyId}`,
    `secret_key = ${s3.key.secretAccessKey}`,
    `host_base = 127.0.0.1:${s3.port}`,
    `host_bucket = 127.0.0.1:${s3.port}`,
    'bucket_location = local',
    'use_https = False',
    'multipart_chunk_size_mb = 5',
  ].join('\n')
}

const s3cmd = (...args: string[]): Promise<string> => succeed('s3cmd', ['-c', local('s3cfg'), ...args])

// rclone 1.60 cannot start while this names a bundle, wherever the machine sets it.
const NO_BUNDLE = { AWS_CA_BUNDLE: '' }

const rcloneWith =
  (provider: 'Other' | 'Minio') =>
  (...args: string[]): Promise<string> =>
    succeed('rclone', args, {
      env: {
        ...NO_BUNDLE,
        RCLONE_CONFIG: '/dev/null',
        RCLONE_CONFIG_S3_TYPE: 's3',
        RCLONE_CONFIG_S3_PROVIDER: provider,
        RCLONE_CONFIG_S3_ENDPOINT: s3.url,
        RCLONE_CONFIG_S3_REGION: 'local',
        RCLONE_CONFIG_S3_ACCESS_KEY_ID: s3.key.accessKeyId,
        RCLONE_CONFIG_S3_SECRET_ACCESS_KEY: s3.key.secretAccessKey,
      },
    })

/** MD5 of the MD5s of parts of this size: what S3 gives a multipart object. */
function multipartEtag(data: Buffer, partBytes: number): string {
  const md5s: Buffer[] = []
  for (let at = 0; at < data.length; at += partBytes) {
    md5s.push(
      createHash('md5')
        .update(data.subarray(at, at + partBytes))
        .digest(),
    )
  }
  return `"${createHash('md5').update(Buffer.concat(md5s)).digest('hex')}-${md5s.length}"`
}

describe.skipIf(!program(AWS))('aws', () => {
  test('check 1: mb, ls, rb; rb of a full bucket fails, --force empties it', async () => {
    await awsDone('s3', 'mb', 's3://made')
    expect(await awsDone('s3', 'ls')).toContain(' made')
    await awsDone('s3', 'cp', local('tree'), 's3://made/deep/tree', '--recursive')
    expect((await aws('s3', 'rb', 's3://made')).stderr).toContain('BucketNotEmpty')
    await awsDone('s3', 'rb', 's3://made', '--force')
    await expect(stat(real('made'))).rejects.toThrow('ENOENT')
  })

  test('check 2: 20 bytes, none, and 20 MiB in parts, there and back', async () => {
    for (const name of ['small', 'zero', 'big']) {
      await awsDone('s3', 'cp', local(name), `s3://box/aws/${name}`)
      await awsDone('s3', 'cp', `s3://box/aws/${name}`, local(`${name}.back`))
      expect(await same(local(name), local(`${name}.back`)), name).toBe(true)
      expect(await same(local(name), real('box/aws', name)), name).toBe(true)
    }
    const head = await s3.client.send(new HeadObjectCommand({ Bucket: 'box', Key: 'aws/big' }))
    expect(head.ETag).toBe(multipartEtag(await readFile(local('big')), 8 * 1024 * 1024))
  })

  test('check 3: sync of a tree of odd names; the second one sends nothing', async () => {
    await awsDone('s3', 'sync', local('tree'), 's3://box/synced')
    expect(await difference(local('tree'), real('box/synced'))).toBe('')
    expect(await awsDone('s3', 'sync', local('tree'), 's3://box/synced')).toBe('')
    await awsDone('s3', 'sync', 's3://box/synced', local('synced.back'))
    expect(await difference(local('tree'), local('synced.back'))).toBe('')
    await awsDone('s3', 'rm', 's3://box/synced', '--recursive')
    await expect(stat(real('box/synced'))).rejects.toThrow('ENOENT')
  })

  test('check 11: a copy between keys in parts keeps metadata', async () => {
    await awsDone(
      's3',
      'cp',
      local('big'),
      's3://box/copy/from',
      '--metadata',
      'a=1',
      '--content-type',
      'text/x',
    )
    await awsDone('s3', 'cp', 's3://box/copy/from', 's3://box/copy/to')
    const head = await s3.client.send(new HeadObjectCommand({ Bucket: 'box', Key: 'copy/to' }))
    expect(head).toMatchObject({ Metadata: { a: '1' }, ContentType: 'text/x' })
    expect(await same(local('big'), real('box/copy/to'))).toBe(true)
  })

  test('check 15: a presigned URL opens one object without a header', async () => {
    const url = (await awsDone('s3', 'presign', 's3://box/aws/small', '--expires-in', '60')).trim()
    expect(await succeed('curl', ['-sS', url])).toBe('twenty bytes of text')
    expect(await succeed('curl', ['-sS', url.replace('aws/small', 'aws/big')])).toContain(
      'SignatureDoesNotMatch',
    )
  })

  test('check 28: an awkward key', async () => {
    await awsDone('s3', 'cp', local('small'), `s3://box/${AWKWARD}`)
    expect(await awsDone('s3', 'ls', 's3://box/')).toContain(AWKWARD)
    await awsDone('s3', 'cp', `s3://box/${AWKWARD}`, local('awkward'))
    expect(await same(local('small'), local('awkward'))).toBe(true)
    await awsDone('s3', 'rm', `s3://box/${AWKWARD}`)
    await expect(stat(real('box', AWKWARD))).rejects.toThrow('ENOENT')
  })

  test('a wrong secret and an unknown key id look the same', async () => {
    const refusal = async (env: Record<string, string>) => {
      const { stderr } = await run(AWS, ['--endpoint-url', s3.url, 's3', 'ls'], {
        env: { ...awsEnv(), ...env },
      })
      return stderr
    }
    const wrong = await refusal({ AWS_SECRET_ACCESS_KEY: 'wrong' })
    expect(wrong).toContain('SignatureDoesNotMatch')
    expect(await refusal({ AWS_ACCESS_KEY_ID: 'AKIAUNKNOWN' })).toBe(wrong)
  })
})

describe.each(['Other', 'Minio'] as const)('rclone, provider %s', (provider) => {
  const rclone = rcloneWith(provider)
  const base = `s3:box/rclone-${provider}`

  test.skipIf(!program('rclone'))('check 18: sync twice, check, touch', async () => {
    await rclone('sync', local('tree'), `${base}/tree`)
    expect(await difference(local('tree'), real(`box/rclone-${provider}/tree`))).toBe('')
    await rclone('sync', '-v', '--log-file', local(`second-${provider}.log`), local('tree'), `${base}/tree`)
    const second = await readFile(local(`second-${provider}.log`), 'utf8')
    expect(second).toContain('There was nothing to transfer')
    await rclone('check', local('tree'), `${base}/tree`)
    const file = local('tree/dir 0/plain 0.txt')
    await utimes(file, 1_500_000_000.25, 1_500_000_000.25)
    await rclone('sync', local('tree'), `${base}/tree`)
    expect(await rclone('lsf', '--format', 'tp', '--files-only', `${base}/tree/dir 0`)).toMatch(
      /2017-07-1\d \d\d:\d\d:\d\d;plain 0\.txt/,
    )
  })

  test.skipIf(!program('rclone'))('check 19: an upload in parts, its hash, ranged reads', async () => {
    await rclone('copy', '--s3-upload-cutoff', '5M', '--s3-chunk-size', '5M', local('big'), base)
    expect(await same(local('big'), real(`box/rclone-${provider}/big`))).toBe(true)
    await rclone('check', '--one-way', '--include', '/big', dir, base)
    const piece = await rclone('cat', '--offset', '1000', '--count', '20', `${base}/big`)
    expect(Buffer.byteLength(piece)).toBeGreaterThan(0)
    await rclone('copyto', `${base}/big`, local(`big.${provider}`))
    expect(await same(local('big'), local(`big.${provider}`))).toBe(true)
  })

  test.skipIf(!program('rclone'))('check 20: move, delete, purge leave nothing', async () => {
    await rclone('moveto', `${base}/tree`, `${base}/moved`)
    expect(await difference(local('tree'), real(`box/rclone-${provider}/moved`))).toBe('')
    await rclone('purge', base)
    await expect(stat(real(`box/rclone-${provider}`))).rejects.toThrow('ENOENT')
  })
})

describe.skipIf(!program('s3cmd'))('s3cmd', () => {
  test('check 23: put, sync, cp, mv, info, modify, get, del -r', async () => {
    await s3cmd('put', local('small'), 's3://box/s3cmd/small')
    await s3cmd('put', local('big'), 's3://box/s3cmd/big')
    expect(await same(local('big'), real('box/s3cmd/big'))).toBe(true)
    await s3cmd('sync', `${local('tree')}/`, 's3://box/s3cmd/tree/')
    expect(await difference(local('tree'), real('box/s3cmd/tree'))).toBe('')
    expect(await s3cmd('info', 's3://box/s3cmd/small')).toContain('MD5 sum')
    expect(await s3cmd('info', 's3://box')).toContain('Location:  local')
    await s3cmd('cp', 's3://box/s3cmd/small', 's3://box/s3cmd/copied')
    await s3cmd('mv', 's3://box/s3cmd/copied', 's3://box/s3cmd/moved')
    await s3cmd('modify', '--add-header', 'x-amz-meta-more: yes', 's3://box/s3cmd/moved')
    await s3cmd('get', '--force', 's3://box/s3cmd/moved', local('s3cmd.back'))
    expect(await same(local('small'), local('s3cmd.back'))).toBe(true)
    await s3cmd('del', '-r', '--force', 's3://box/s3cmd')
    await expect(stat(real('box/s3cmd'))).rejects.toThrow('ENOENT')
  })

  test('check 23: mb, rb of a full bucket, rb -r', async () => {
    await s3cmd('mb', 's3://bucket-of-s3cmd')
    await s3cmd('put', local('small'), 's3://bucket-of-s3cmd/a/b')
    expect((await run('s3cmd', ['-c', local('s3cfg'), 'rb', 's3://bucket-of-s3cmd'])).stderr).toContain(
      'not empty',
    )
    await s3cmd('rb', '-r', '--force', 's3://bucket-of-s3cmd')
    await expect(stat(real('bucket-of-s3cmd'))).rejects.toThrow('ENOENT')
  })
})

describe.skipIf(!program('curl'))('curl', () => {
  const curl = (...args: string[]) =>
    succeed('curl', [
      '-sS',
      ...['--aws-sigv4', 'aws:amz:local:s3', '--user', `${s3.key.accessKeyId}:${s3.key.secretAccessKey}`],
      ...['-H', 'x-amz-content-sha256: UNSIGNED-PAYLOAD'],
      ...args,
    ])

  test('puts, gets and deletes with its own SigV4', async () => {
    await curl('-T', local('small'), `${s3.url}/box/curl`)
    expect(await curl(`${s3.url}/box/curl`)).toBe('twenty bytes of text')
    await curl('-X', 'DELETE', `${s3.url}/box/curl`)
    expect(await curl(`${s3.url}/box/curl`)).toContain('<Code>NoSuchKey</Code>')
  })

  test('without a signature nothing is shown', async () => {
    const answer = await succeed('curl', ['-sS', '-w', '%{http_code}', `${s3.url}/box/small`])
    expect(answer).toContain('<Code>AccessDenied</Code>')
    expect(answer).toMatch(/403$/)
  })
})

describe('R1: a key disabled in the middle of an upload', () => {
  test.skipIf(!program('rclone'))('ends it and leaves no partial file', async () => {
    const key = await s3.world.issue()
    const target =
      `:s3,provider=Other,endpoint='${s3.url}',region=local,access_key_id=${key.accessKeyId},` +
      `secret_access_key=${key.secretAccessKey}:box/cut`
    const slowly = [
      '--bwlimit',
      '1M',
      '--retries',
      '1',
      '--low-level-retries',
      '1',
      '--s3-no-check-bucket',
      '--s3-no-head',
    ]
    const copying = run('rclone', ['copyto', ...slowly, local('big'), target], { env: NO_BUNDLE })
    const uploading = () =>
      s3.world.core.gate.sessions.list().some(({ principal }) => principal.key?.id === key.id)
    await expect.poll(uploading, { timeout: 20_000 }).toBe(true)
    await s3.world.disable(key.id)
    expect(uploading()).toBe(false)
    expect((await copying).code).not.toBe(0)
    await expect(stat(real('box/cut'))).rejects.toThrow('ENOENT')
    const other = s3.client.send(new GetObjectCommand({ Bucket: 'box', Key: 'cut' }))
    await expect(other).rejects.toThrow('does not exist')
  })
})
