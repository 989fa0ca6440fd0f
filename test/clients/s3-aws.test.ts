import { createHash } from 'node:crypto'
import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { HeadObjectCommand } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { program } from './programs.ts'
import { run, start, succeed } from './run.ts'
import {
  AWKWARD,
  awsOf,
  DEBIAN_AWS,
  firstAws,
  multipartEtag,
  type S3Server,
  SMALL,
  same,
  startS3Server,
} from './s3-server.ts'
import { difference, makeBigFile, makeSmallFiles } from './trees.ts'

// Two where there are two: Debian's 2.9, and whatever comes first in PATH, which signs and sums otherwise.
const FOUND = [...new Set([DEBIAN_AWS, firstAws()])]

let s3: S3Server
beforeAll(async () => {
  s3 = await startS3Server()
  await makeSmallFiles(s3.local('tree'), 40)
})
afterAll(() => s3[Symbol.asyncDispose]())

describe.skipIf(!program(DEBIAN_AWS)).each(FOUND)('%s', (name) => {
  const own = name === DEBIAN_AWS ? 'debian' : 'another'
  const base = `s3://box/${own}`
  const folder = (...names: string[]) => s3.real('box', own, ...names)
  const aws = () => awsOf(s3, name)

  test('check 1: mb; rb of a full bucket fails, --force empties it', async () => {
    await aws().done('s3', 'mb', 's3://made')
    expect(await aws().done('s3', 'ls')).toContain(' made')
    expect((await aws().run('s3', 'mb', 's3://made')).stderr).toMatch(/^$|BucketAlreadyOwnedByYou/m)
    await aws().done('s3', 'cp', s3.local('small'), 's3://made/deep/small')
    expect((await aws().run('s3', 'rb', 's3://made')).stderr).toContain('BucketNotEmpty')
    await aws().done('s3', 'rb', 's3://made', '--force')
    await expect(stat(s3.real('made'))).rejects.toThrow('ENOENT')
  })

  test('check 2: 20 bytes, none, and 20 MiB in parts, there and back', async () => {
    for (const file of ['small', 'zero', 'big']) {
      await aws().done('s3', 'cp', s3.local(file), `${base}/${file}`)
      await aws().done('s3', 'cp', `${base}/${file}`, s3.local(`${file}.back`))
      expect(await same(s3.local(file), s3.local(`${file}.back`)), file).toBe(true)
      expect(await same(s3.local(file), folder(file)), file).toBe(true)
    }
    const head = JSON.parse(
      await aws().done('s3api', 'head-object', '--bucket', 'box', '--key', `${own}/big`),
    )
    expect(head.ETag).toBe(await multipartEtag(s3.local('big'), 8 * 1024 * 1024))
    expect(head.ContentEncoding).toBeUndefined()
  })

  test('check 3: sync of a tree of odd names; the second one sends nothing', async () => {
    await aws().done('s3', 'sync', s3.local('tree'), `${base}/synced`)
    expect(await difference(s3.local('tree'), folder('synced'))).toBe('')
    expect(await aws().done('s3', 'sync', s3.local('tree'), `${base}/synced`)).toBe('')
    await aws().done('s3', 'sync', `${base}/synced`, s3.local('synced.back'))
    expect(await difference(s3.local('tree'), s3.local('synced.back'))).toBe('')
    await rm(s3.local('synced.back'), { recursive: true })
    await aws().done('s3', 'rm', `${base}/synced`, '--recursive')
    await expect(stat(folder('synced'))).rejects.toThrow('ENOENT')
  })

  test('check 10: a range; a download whose object changes meanwhile fails', async () => {
    await writeFile(folder('ranged'), SMALL)
    const at = ['--bucket', 'box', '--key', `${own}/ranged`]
    const head = JSON.parse(
      await aws().done('s3api', 'get-object', ...at, '--range', 'bytes=7-11', s3.local('range')),
    )
    expect(await readFile(s3.local('range'), 'utf8')).toBe('bytes')
    await writeFile(folder('ranged'), 'another text of its own')
    const late = await aws().run('s3api', 'get-object', ...at, '--if-match', head.ETag, s3.local('range'))
    expect(late.stderr).toContain('PreconditionFailed')
  })

  test('check 11: a copy between keys in parts keeps metadata', async () => {
    const [from, to] = [`${base}/copy/from`, `${base}/copy/to`]
    await aws().done('s3', 'cp', s3.local('big'), from, '--metadata', 'a=1', '--content-type', 'text/x')
    await aws().done('s3', 'cp', from, to)
    expect(await same(s3.local('big'), folder('copy/to'))).toBe(true)
    const head = await s3.client.send(new HeadObjectCommand({ Bucket: 'box', Key: `${own}/copy/to` }))
    // Version 1 does not ask for metadata when it copies in parts, from nobody's server.
    if ((await aws().done('--version')).startsWith('aws-cli/1.')) return
    expect(head).toMatchObject({ Metadata: { a: '1' }, ContentType: 'text/x' })
  })

  test('check 28: an awkward key', async () => {
    await aws().done('s3', 'cp', s3.local('small'), `${base}/${AWKWARD}`)
    expect(await aws().done('s3', 'ls', `${base}/`)).toContain(AWKWARD)
    await aws().done('s3', 'cp', `${base}/${AWKWARD}`, s3.local('awkward'))
    expect(await same(s3.local('small'), s3.local('awkward'))).toBe(true)
    await aws().done('s3', 'rm', `${base}/${AWKWARD}`)
    await expect(stat(folder(AWKWARD))).rejects.toThrow('ENOENT')
  })
})

describe.skipIf(!program(DEBIAN_AWS))('aws', () => {
  const aws = () => awsOf(s3, DEBIAN_AWS)

  test('check 15: a presigned URL opens one object without a header', async () => {
    await writeFile(s3.real('box/signed'), SMALL)
    const url = (await aws().done('s3', 'presign', 's3://box/signed', '--expires-in', '60')).trim()
    expect(await succeed('curl', ['-sS', url])).toBe(SMALL)
    expect(await succeed('curl', ['-sS', url.replace('signed?', 'other?')])).toContain(
      'SignatureDoesNotMatch',
    )
  })

  test('200 MiB there and back, through a sync that was killed and started again', async () => {
    await mkdir(s3.local('many'))
    await makeBigFile(s3.local('many/a.bin'), 100)
    await makeBigFile(s3.local('many/b.bin'), 100)
    const words = ['--endpoint-url', s3.url, 's3', 'sync', s3.local('many'), 's3://box/many']
    const cut = start(DEBIAN_AWS, words, { env: s3.env })
    await delay(1_500)
    cut.child.kill('SIGKILL')
    await cut.done
    await aws().done('s3', 'sync', s3.local('many'), 's3://box/many')
    expect(await difference(s3.local('many'), s3.real('box/many'))).toBe('')
    await aws().done('s3', 'cp', 's3://box/many/a.bin', s3.local('a.back'))
    expect(await same(s3.local('many/a.bin'), s3.local('a.back'))).toBe(true)
    await rm(s3.local('many'), { recursive: true })
  })

  test('a wrong secret and an unknown key id look the same', async () => {
    const refusal = async (env: Record<string, string>) => {
      const words = ['--endpoint-url', s3.url, 's3', 'ls']
      return (await run(DEBIAN_AWS, words, { env: { ...s3.env, ...env } })).stderr
    }
    const wrong = await refusal({ AWS_SECRET_ACCESS_KEY: 'wrong' })
    expect(wrong).toContain('SignatureDoesNotMatch')
    expect(await refusal({ AWS_ACCESS_KEY_ID: 'AKIAUNKNOWN' })).toBe(wrong)
  })
})

describe.skipIf(!program('curl'))('curl', () => {
  const curl = (...args: string[]) =>
    succeed('curl', [
      '-sS',
      ...['--aws-sigv4', 'aws:amz:local:s3', '--user', `${s3.accessKeyId}:${s3.secretAccessKey}`],
      ...['-H', 'x-amz-content-sha256: UNSIGNED-PAYLOAD'],
      ...args,
    ])

  test('puts, gets, goes on with a broken download, and deletes, with its own SigV4', async () => {
    await curl('-T', s3.local('big'), `${s3.url}/box/curl`)
    const whole = await readFile(s3.local('big'))
    await writeFile(s3.local('curl.back'), whole.subarray(0, 7_000_000))
    await curl('-C', '-', '-o', s3.local('curl.back'), `${s3.url}/box/curl`)
    const md5 = (data: Buffer) => createHash('md5').update(data).digest('hex')
    expect(md5(await readFile(s3.local('curl.back')))).toBe(md5(whole))
    await curl('-X', 'DELETE', `${s3.url}/box/curl`)
    expect(await curl(`${s3.url}/box/curl`)).toContain('<Code>NoSuchKey</Code>')
  })

  test('without a signature nothing is shown', async () => {
    const answer = await succeed('curl', ['-sS', '-w', '%{http_code}', `${s3.url}/box/small`])
    expect(answer).toContain('<Code>AccessDenied</Code>')
    expect(answer).toMatch(/403$/)
  })
})
