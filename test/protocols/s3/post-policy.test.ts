import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { CreateBucketCommand, GetObjectCommand, GetObjectTaggingCommand } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { rightsOf } from '#permissions/grants.ts'
import { scopesOf } from '#permissions/scopes.ts'
import { fileOf, outcomeOf, type PolicyOptions, postForm, signedFields } from './forms.ts'
import { codeOf } from './wire.ts'
import { type S3World, startS3World } from './world-s3.ts'

let s3: S3World
beforeAll(async () => {
  s3 = await startS3World()
  await s3.client.send(new CreateBucketCommand({ Bucket: 'box' }))
})
afterAll(() => s3[Symbol.asyncDispose]())

const KEY = ['starts-with', '$key', '']
const post = (options: PolicyOptions, file = fileOf('hello')) =>
  postForm(s3.wire, [...signedFields(s3.key, options), file])
const outcome = (options: PolicyOptions, file = fileOf('hello')) =>
  outcomeOf(s3.wire, [...signedFields(s3.key, options), file])
const read = async (Key: string) => {
  const { Body, ...rest } = await s3.client.send(new GetObjectCommand({ Bucket: 'box', Key }))
  return { ...rest, text: await Body?.transformToString() }
}

describe('S3 POST policy: uploads', () => {
  test('D4: a browser form uploads with its fields as headers, metadata and tags', async () => {
    const fields = {
      key: `a/b/\${filename}`,
      'Content-Type': 'text/x-test',
      'x-amz-meta-who': 'ann',
      acl: 'private',
      tagging: '<Tagging><TagSet><Tag><Key>k</Key><Value>v</Value></Tag></TagSet></Tagging>',
    }
    const conditions = [
      ['starts-with', '$key', 'a/b/'],
      ['starts-with', '$Content-Type', 'text/'],
      { 'x-amz-meta-who': 'ann' },
      { acl: 'private' },
      ['starts-with', '$tagging', ''],
    ]
    const answer = await post({ fields, conditions }, fileOf('hello', 'C:\\temp\\ü $& x.txt'))
    expect([answer.status, answer.text]).toEqual([204, ''])
    const object = await read('a/b/ü $& x.txt')
    expect(object).toMatchObject({ text: 'hello', ContentType: 'text/x-test', Metadata: { who: 'ann' } })
    expect(answer.headers.etag).toBe(object.ETag)
    const { TagSet } = await s3.client.send(
      new GetObjectTaggingCommand({ Bucket: 'box', Key: 'a/b/ü $& x.txt' }),
    )
    expect(TagSet).toEqual([{ Key: 'k', Value: 'v' }])
  })

  test('success_action_status and success_action_redirect say what is answered', async () => {
    const conditions = [
      KEY,
      ['starts-with', '$success_action_status', ''],
      ['starts-with', '$success_action_redirect', ''],
    ]
    const fields = (more: Record<string, string>) => ({
      key: 'st',
      success_action_status: '',
      success_action_redirect: '',
      ...more,
    })
    const created = await post({ conditions, fields: fields({ success_action_status: '201' }) })
    expect(created.status).toBe(201)
    expect(created.text).toContain('<PostResponse><Location>http://')
    expect(created.text).toContain('<Bucket>box</Bucket><Key>st</Key><ETag>')
    expect((await post({ conditions, fields: fields({ success_action_status: '200' }) })).status).toBe(200)
    expect((await post({ conditions, fields: fields({ success_action_status: '404' }) })).status).toBe(204)
    const url = 'https://example.org/done?x=1'
    const redirected = await post({ conditions, fields: fields({ success_action_redirect: url }) })
    expect(redirected.status).toBe(303)
    expect(redirected.headers.location).toBe(
      `https://example.org/done?x=1&bucket=box&key=st&etag=%225d41402abc4b2a76b9719d911017c592%22`,
    )
    const script = await post({
      conditions,
      fields: fields({ success_action_redirect: 'javascript:alert(1)' }),
    })
    expect([script.status, script.headers.location]).toEqual([204, expect.stringContaining('/box/st')])
  })

  test('bytes of every value and a file that looks like a boundary arrive whole', async () => {
    const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, index) => index & 255))
    const tricky = Buffer.concat([
      Buffer.from('\r\n--form-012345678\r\n--form'),
      bytes,
      Buffer.from('\r\n--'),
    ])
    expect(await outcome({ conditions: [KEY], fields: { key: 'bytes' } }, fileOf(tricky))).toBe('204')
    const { Body } = await s3.client.send(new GetObjectCommand({ Bucket: 'box', Key: 'bytes' }))
    expect(Buffer.from((await Body?.transformToByteArray()) ?? [])).toEqual(tricky)
    expect(await outcome({ conditions: [KEY], fields: { key: 'empty' } }, fileOf(''))).toBe('204')
    expect((await read('empty')).text).toBe('')
  })

  test('a checksum and a Content-MD5 in the form are verified', async () => {
    const conditions = [KEY, ['starts-with', '$x-amz-checksum-crc32', '']]
    const fields = (sum: string) => ({ key: 'sum', 'x-amz-checksum-crc32': sum })
    expect(await outcome({ conditions, fields: fields('AAAAAA==') })).toBe('400 BadDigest')
    expect(await outcome({ conditions, fields: fields('NhCmhg==') })).toBe('204')
    const md5 = { key: 'sum', 'Content-MD5': 'AAAAAAAAAAAAAAAAAAAAAA==' }
    expect(await outcome({ conditions: [KEY, ['starts-with', '$Content-MD5', '']], fields: md5 })).toBe(
      '400 BadDigest',
    )
  })
})

describe('S3 POST policy: what it refuses', () => {
  test('trap 20: each field must be covered; x-ignore-* and what is behind the file need not be', async () => {
    const fields = { key: 'covered', 'x-amz-meta-extra': '1' }
    expect(await outcome({ conditions: [KEY], fields })).toBe('403 AccessDenied')
    expect(await outcome({ conditions: [KEY], fields: { key: 'covered', 'x-ignore-me': '1' } })).toBe('204')
    expect(await outcome({ conditions: [], fields: { key: 'covered' } })).toBe('403 AccessDenied')
    const behind = [
      ...signedFields(s3.key, { conditions: [KEY] }),
      fileOf('x'),
      { name: 'x-amz-meta-late', value: '1' },
    ]
    expect(await outcomeOf(s3.wire, behind)).toBe('204')
    expect((await read('posted')).Metadata).toEqual({})
  })

  test('trap 20: the bucket must be covered, and be the one of the form', async () => {
    const document = { expiration: new Date(Date.now() + 60_000).toISOString(), conditions: [KEY] }
    expect(await outcome({ document })).toBe('403 AccessDenied')
    expect(await outcome({ bucket: 'other', conditions: [KEY] })).toBe('403 AccessDenied')
  })

  test.each([
    [['eq', '$key', 'posted'], 'posted', '204'],
    [['EQ', '$Key', 'posted'], 'posted', '204'],
    [['eq', '$key', 'posted'], 'Posted', '403 AccessDenied'],
    [{ key: 'posted' }, 'posted/x', '403 AccessDenied'],
    [['starts-with', '$key', 'user/ann/'], 'user/ann/x', '204'],
    [['starts-with', '$key', 'user/ann/'], 'user/bob/x', '403 AccessDenied'],
    [['starts-with', '$key', 'user/ann/'], 'user/ann/../bob/x', '400 InvalidArgument'],
  ])('the condition %j and the key %s: %s', async (condition, key, expected) => {
    expect(await outcome({ conditions: [condition], fields: { key } })).toBe(expected)
  })

  test('trap 20: content-length-range is enforced while the file streams, and nothing is left', async () => {
    const conditions = [KEY, ['content-length-range', 3, 100_000]]
    const fields = { key: 'ranged/deep/x' }
    expect(await outcome({ conditions, fields }, fileOf('ab'))).toBe('400 EntityTooSmall')
    expect(await outcome({ conditions, fields }, fileOf(Buffer.alloc(100_001)))).toBe('400 EntityTooLarge')
    expect(await outcome({ conditions, fields }, fileOf(Buffer.alloc(3_000_000)))).toBe('400 EntityTooLarge')
    expect(await readdir(join(s3.world.root, 'box'))).not.toContain('ranged')
    expect(await outcome({ conditions, fields }, fileOf('abc'))).toBe('204')
    expect(await outcome({ conditions, fields }, fileOf(Buffer.alloc(100_000)))).toBe('204')
  })

  test('trap 20: expiration is required and holds to the instant', async () => {
    const conditions = [{ bucket: 'box' }, KEY, ['starts-with', '$x-amz-algorithm', '']]
    expect(await outcome({ document: { conditions } })).toBe('400 InvalidPolicyDocument')
    expect(await outcome({ document: { conditions, expiration: 'soon' } })).toBe('400 InvalidPolicyDocument')
    const expiration = new Date(s3.world.clock.now() - 1).toISOString()
    const answer = await post({ conditions: [KEY], expiration })
    expect([answer.status, codeOf(answer)]).toEqual([403, 'AccessDenied'])
    expect(answer.text).toContain('Policy expired')
  })

  test.each<[string, unknown]>([
    ['no conditions', { expiration: '2999-01-01T00:00:00Z' }],
    ['names in capitals', { EXPIRATION: '2999-01-01T00:00:00Z', CONDITIONS: [] }],
    ['no object', 'text'],
    ['a number as value', { expiration: '2999-01-01T00:00:00Z', conditions: [{ bucket: 1 }] }],
    ['an unknown operator', { expiration: '2999-01-01T00:00:00Z', conditions: [['ends-with', '$key', 'x']] }],
    ['a field without $', { expiration: '2999-01-01T00:00:00Z', conditions: [['eq', 'key', 'x']] }],
    ['half a range', { expiration: '2999-01-01T00:00:00Z', conditions: [['content-length-range', 0]] }],
    [
      'a negative range',
      { expiration: '2999-01-01T00:00:00Z', conditions: [['content-length-range', -1, 5]] },
    ],
    ['a turned range', { expiration: '2999-01-01T00:00:00Z', conditions: [['content-length-range', 5, 1]] }],
  ])('a policy with %s is 400 InvalidPolicyDocument', async (_, document) => {
    expect(await outcome({ document })).toBe('400 InvalidPolicyDocument')
  })

  test('a wrong signature, an unknown key, a changed policy: 403 SignatureDoesNotMatch', async () => {
    const fields = signedFields(s3.key, { conditions: [KEY] })
    const changed = (name: string, value: string) =>
      outcomeOf(s3.wire, [...fields.map((one) => (one.name === name ? { name, value } : one)), fileOf('x')])
    expect(await changed('x-amz-signature', '0'.repeat(64))).toBe('403 SignatureDoesNotMatch')
    expect(await changed('x-amz-signature', 'short')).toBe('403 SignatureDoesNotMatch')
    const widened = Buffer.from(JSON.stringify({ expiration: '2999-01-01T00:00:00Z', conditions: [KEY] }))
    expect(await changed('policy', widened.toString('base64'))).toBe('403 SignatureDoesNotMatch')
    const other = { ...s3.key, accessKeyId: 'LKNOBODY' }
    expect(await outcomeOf(s3.wire, [...signedFields(other, { conditions: [KEY] }), fileOf('x')])).toBe(
      '403 SignatureDoesNotMatch',
    )
  })

  test('missing fields, no file, a field twice', async () => {
    const fields = signedFields(s3.key, { conditions: [KEY] })
    const without = (name: string) =>
      outcomeOf(s3.wire, [...fields.filter((one) => one.name !== name), fileOf('x')])
    for (const name of ['policy', 'x-amz-signature', 'x-amz-credential', 'x-amz-date', 'x-amz-algorithm'])
      expect(await without(name)).toBe('400 InvalidArgument')
    expect(await without('key')).toBe('400 InvalidArgument')
    expect(await outcomeOf(s3.wire, fields)).toBe('400 InvalidArgument')
    expect(await outcomeOf(s3.wire, [...fields, { name: 'KEY', value: 'b' }, fileOf('x')])).toBe(
      '400 InvalidArgument',
    )
  })

  test('SigV2 forms are told what to use instead', async () => {
    const answer = await postForm(s3.wire, [
      { name: 'key', value: 'x' },
      { name: 'AWSAccessKeyId', value: s3.key.accessKeyId },
      { name: 'policy', value: 'e30=' },
      { name: 'signature', value: 'abc=' },
      fileOf('x'),
    ])
    expect([answer.status, codeOf(answer)]).toEqual([400, 'InvalidRequest'])
    expect(answer.text).toContain('AWS4-HMAC-SHA256')
  })

  test('S: rights are those of PutObject; without a signature it is the guest, whom this site has not', async () => {
    const reader = await s3.world.issue({ scopes: scopesOf('s3', 'files.list', 'files.read') })
    const refused = [...signedFields(reader, { conditions: [KEY] }), fileOf('x')]
    expect(await outcomeOf(s3.wire, refused)).toBe('403 AccessDenied')
    const grants = [{ path: '/box/mine', rights: rightsOf('list', 'write') }]
    const member = await s3.world.issue({ role: 'member', user: 'poster', grants })
    const form = (key: string) => [
      ...signedFields(member, { conditions: [KEY], fields: { key } }),
      fileOf('x'),
    ]
    expect(await outcomeOf(s3.wire, form('mine/a'))).toBe('204')
    expect(await outcomeOf(s3.wire, form('theirs/a'))).not.toBe('204')
    expect(await outcomeOf(s3.wire, [{ name: 'key', value: 'guest' }, fileOf('x')])).toBe('403 AccessDenied')
  })
})
