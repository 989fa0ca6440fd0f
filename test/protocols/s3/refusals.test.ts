import { CreateBucketCommand, ListBucketsCommand } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { codeOf } from './wire.ts'
import { errorOf, type S3World, startS3World } from './world-s3.ts'

let s3: S3World
beforeAll(async () => {
  s3 = await startS3World()
  await s3.client.send(new CreateBucketCommand({ Bucket: 'box' }))
})
afterAll(() => s3[Symbol.asyncDispose]())

describe('S3 refusals', () => {
  test('nothing presented is AccessDenied, every wrong signature SignatureDoesNotMatch', async () => {
    const none = await s3.wire.send('GET', '/', {})
    expect([none.status, codeOf(none)]).toEqual([403, 'AccessDenied'])
    const empty = await s3.wire.send('PUT', '/box/key', { authorization: ' ' }, 'x')
    expect([empty.status, codeOf(empty)]).toEqual([403, 'AccessDenied'])
    const list = (accessKeyId: string, secretAccessKey: string) =>
      errorOf(s3.clientOf({ ...s3.key, accessKeyId, secretAccessKey }).send(new ListBucketsCommand({})))
    expect(await list(s3.key.accessKeyId, 'wrong')).toBe('SignatureDoesNotMatch')
    expect(await list('AKIANOBODY', s3.key.secretAccessKey)).toBe('SignatureDoesNotMatch')
    const disabled = await s3.world.issue()
    await s3.world.disable(disabled.id)
    expect(await list(disabled.accessKeyId, disabled.secretAccessKey)).toBe('SignatureDoesNotMatch')
  })

  test('an error has code, message, request id and host id, and its id is in the headers', async () => {
    const answer = await s3.wire.signed('GET', '/box/missing')
    expect(answer.status).toBe(404)
    expect(answer.text).toMatch(/^<\?xml .*<Error><Code>NoSuchKey<\/Code><Message>[^<]+<\/Message>/s)
    expect(answer.text).toContain(`<RequestId>${answer.headers['x-amz-request-id']}</RequestId>`)
    expect(answer.text).toMatch(/<HostId>[^<]+<\/HostId>/)
  })

  test('an error to HEAD has no body', async () => {
    const answer = await s3.wire.signed('HEAD', '/box/missing')
    expect([answer.status, answer.text]).toEqual([404, ''])
  })

  test('check 14: SigV2 is told what to use', async () => {
    const answer = await s3.wire.send('GET', '/box', { authorization: `AWS ${s3.key.accessKeyId}:abc=` })
    expect([answer.status, codeOf(answer)]).toEqual([400, 'InvalidRequest'])
    expect(answer.text).toContain('AWS4-HMAC-SHA256')
  })

  test.each([
    ['GET', '/box?analytics'],
    ['PUT', '/box?versioning'],
    ['PUT', '/box?policy'],
    ['POST', '/box'],
    ['POST', '/box/key?select'],
    ['PUT', '/box/key?retention'],
  ])('%s %s is a quick 501', async (method, path) => {
    const answer = await s3.wire.signed(method, path)
    expect([answer.status, codeOf(answer)]).toEqual([501, 'NotImplemented'])
  })

  test.each([
    ['policy', 'NoSuchBucketPolicy'],
    ['cors', 'NoSuchCORSConfiguration'],
    ['lifecycle', 'NoSuchLifecycleConfiguration'],
    ['tagging', 'NoSuchTagSet'],
  ])('GET ?%s is %s', async (name, code) => {
    expect(codeOf(await s3.wire.signed('GET', `/box?${name}`))).toBe(code)
  })

  test('access lists: what changes nothing is taken, other readers are not', async () => {
    expect((await s3.wire.signed('GET', '/box?acl')).text).toContain('FULL_CONTROL')
    expect((await s3.wire.signed('PUT', '/box?acl', { 'x-amz-acl': 'private' })).status).toBe(200)
    expect((await s3.wire.signed('PUT', '/box?acl', { 'x-amz-acl': 'public-read' })).status).toBe(501)
    const acl = (id: string) =>
      `<AccessControlPolicy><AccessControlList><Grant><Grantee><ID>${id}</ID></Grantee></Grant></AccessControlList></AccessControlPolicy>`
    expect((await s3.wire.signed('PUT', '/box?acl', {}, acl(s3.world.site.id))).status).toBe(200)
    expect((await s3.wire.signed('PUT', '/box?acl', {}, acl('somebody'))).status).toBe(501)
  })

  test('a canned access list that there is not is an argument, not a function that is missing', async () => {
    const answer = await s3.wire.signed('PUT', '/box?acl', { 'x-amz-acl': 'public-ready' })
    expect([answer.status, codeOf(answer)]).toEqual([400, 'InvalidArgument'])
    expect((await s3.wire.signed('PUT', '/box/key', { 'x-amz-acl': 'log-delivery-write' })).status).toBe(501)
  })

  test.each(['x-amz-expected-bucket-owner', 'x-amz-source-expected-bucket-owner'])(
    '%s that is another than the site changes and tells nothing',
    async (name) => {
      const put = (owner: string) => s3.wire.signed('PUT', '/box/owned', { [name]: owner }, 'x')
      const refused = await put('123456789012')
      expect([refused.status, codeOf(refused)]).toEqual([403, 'AccessDenied'])
      expect((await s3.wire.signed('HEAD', '/box/owned')).status).toBe(404)
      expect((await s3.wire.signed('GET', '/box', { [name]: '' })).status).toBe(403)
      const presigned = await s3.wire.presign('GET', `/box?${name}=123456789012`)
      expect((await s3.wire.send('GET', presigned)).status).toBe(403)
      expect((await put(s3.world.site.id)).status).toBe(200)
      expect((await s3.wire.signed('DELETE', '/box/owned')).status).toBe(204)
    },
  )

  test('expectations other than 100-continue are not minded', async () => {
    const head = async (method: string, path: string) => {
      const signed = await s3.wire.sign(method, path)
      return Object.entries(signed).map(([name, value]) => `${name}: ${value}`)
    }
    for (const expectation of ['200-ok', '']) {
      const lines = [...(await head('PUT', '/box/expects')), `Expect: ${expectation}`, 'Content-Length: 1']
      const text = `PUT /box/expects HTTP/1.1\r\n${lines.join('\r\n')}\r\nConnection: close\r\n\r\nx`
      expect(await s3.wire.raw(text)).toMatch(/^HTTP\/1\.1 200 /)
    }
  })

  test('a preflight of a presigned URL is told that there is no CORS', async () => {
    const url = await s3.wire.presign('GET', '/box/key')
    const ask = { origin: 'https://example.org', 'access-control-request-method': 'GET' }
    const preflight = await s3.wire.send('OPTIONS', url, ask)
    expect([preflight.status, codeOf(preflight)]).toEqual([403, 'AccessForbidden'])
    expect(preflight.headers).not.toHaveProperty('access-control-allow-origin')
    for (const missing of [{}, { origin: ask.origin }]) {
      const answer = await s3.wire.send('OPTIONS', url, missing)
      expect([answer.status, codeOf(answer)]).toEqual([400, 'BadRequest'])
    }
  })

  test('other methods and garbage in XML', async () => {
    expect((await s3.wire.signed('PATCH', '/box/key')).status).toBe(405)
    expect(codeOf(await s3.wire.signed('POST', '/box?delete', {}, '<Delete><Object>'))).toBe('MalformedXML')
    expect(
      codeOf(await s3.wire.signed('POST', '/box?delete', {}, '<!DOCTYPE x [<!ENTITY a "b">]><Delete/>')),
    ).toBe('MalformedXML')
    expect(codeOf(await s3.wire.signed('POST', '/box?delete', {}, ''))).toBe('MalformedXML')
  })
})
