import { describe, expect, test } from 'vitest'
import { S3Fault } from '#protocols/s3/errors.ts'
import { siteHost } from '#protocols/s3/request.ts'
import { requestOf } from './requests.ts'

describe('S3 request targets', () => {
  test('path style: bucket and key are decoded once', () => {
    const request = requestOf('GET', '/b/a%20b%2Bc%2525/%C3%BC+x?x-id=GetObject')
    expect(request).toMatchObject({ bucket: 'b', key: 'a b+c%25/ü+x' })
    expect(request.query).toEqual([['x-id', 'GetObject']])
  })

  test('the JavaScript SDK puts a slash behind the bucket: still the bucket', () => {
    expect(requestOf('GET', '/b/?list-type=2')).toMatchObject({ bucket: 'b', key: '' })
  })

  // Check 39.
  test('virtual-host style: the bucket stands before a known domain', () => {
    const host = [['Host', 'My-Bucket.S3.example.com:9000']] as const
    const request = requestOf('GET', '/k/e%2Fy', host, ['s3.example.com'])
    expect(request).toMatchObject({ bucket: 'my-bucket', key: 'k/e/y', rawPath: '/k/e%2Fy' })
    expect(siteHost(request, ['s3.example.com'])).toBe('s3.example.com')
  })

  test('an address or an unknown host name is path style', () => {
    for (const host of ['127.0.0.1:9000', '[::1]:9000', 'files.example.com', 's3.example.com']) {
      expect(requestOf('GET', '/b/k', [['Host', host]], ['s3.example.com'])).toMatchObject({
        bucket: 'b',
        key: 'k',
      })
    }
    expect(siteHost(requestOf('GET', '/', [['Host', '[::1]:9000']]), [])).toBe('::1')
  })

  test('query: a plus is a plus, `?x` has an empty value, the first of two counts as parameter', () => {
    const { query, params } = requestOf('GET', '/b?prefix=a+b%2Bc/d&uploads&prefix=z')
    expect(query).toEqual([
      ['prefix', 'a+b+c/d'],
      ['uploads', ''],
      ['prefix', 'z'],
    ])
    expect(params.get('prefix')).toBe('a+b+c/d')
  })

  test('repeated headers are joined with a comma', () => {
    const { headers } = requestOf('GET', '/', [
      ['X-Amz-Meta-A', '1'],
      ['x-amz-meta-a', '2'],
    ])
    expect(headers.get('x-amz-meta-a')).toBe('1,2')
  })

  test.each(['/b/%zz', '/b/%ff', '/b/k?x=%e0%80', 'http://h/b', '*'])(
    '%s is refused as InvalidURI',
    (target) => {
      expect(() => requestOf('GET', target)).toThrow(expect.objectContaining({ s3Code: 'InvalidURI' }))
      expect(() => requestOf('GET', target)).toThrow(S3Fault)
    },
  )
})
