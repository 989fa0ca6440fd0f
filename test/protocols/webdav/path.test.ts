import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Fault } from '#faults'
import { parsePath } from '#permissions/path.ts'
import { escapeSegment, hrefOf, pathOfReference, pathOfTarget } from '#protocols/webdav/path.ts'

describe('pathOfTarget', () => {
  it.each([
    ['/', '/'],
    ['*', '/'],
    ['/a/b', '/a/b'],
    ['/a/b/', '/a/b'],
    ['/a%20b/%C3%BC%23%25%3F', '/a b/ü#%?'],
    ['/%2561', '/%61'],
    ['/a?query=/../..', '/a'],
    ['http://host:8080/a/b', '/a/b'],
    ['http://host', '/'],
    ['/\u00c3\u00bc', '/ü'],
    ["/~$&+,;=:@!'()*", "/~$&+,;=:@!'()*"],
  ])('%s → %s', (target, path) => {
    expect(pathOfTarget(target)).toBe(path)
  })

  it.each([
    '/..%2f..%2fetc%2fpasswd',
    '/a%2fb',
    '/%2e%2e/x',
    '/../x',
    '/a/./b',
    '/a%00b',
    '/%ff',
    '/%zz',
    '/%',
    '/%c3',
    '//a',
    '/a//b',
    '/a#b',
    'a/b',
    'ftp://host/a',
    `/${'x'.repeat(300)}`,
    '/\u00ff',
    '/%ed%a0%80',
  ])('%s is invalid (check 6, 7)', (target) => {
    expect(() => pathOfTarget(target)).toThrow(Fault)
  })
})

describe('pathOfReference', () => {
  it.each([
    ['http://host:8080/a%20b', 'host:8080', '/a b'],
    ['HTTPS://HOST/a', 'host', '/a'],
    ['http://host:80/a', 'host', '/a'],
    ['https://host:443/a', 'host:443', '/a'],
    ['http://user:pass@host/a', 'host', '/a'],
    ['/only/path', 'host', '/only/path'],
    ['http://other/a', 'host', 'elsewhere'],
    ['http://host:81/a', 'host:80', 'elsewhere'],
  ])('%s at %s → %s (check 23)', (reference, host, path) => {
    expect(pathOfReference(reference, host)).toBe(path)
  })

  it.each(['/..%2fout', '/../../out', 'http://host/../out', 'out', 'http://host/a#b', 'mailto:x'])(
    '%s is invalid (check 8)',
    (reference) => {
      expect(() => pathOfReference(reference, 'host')).toThrow(Fault)
    },
  )
})

describe('hrefs', () => {
  it('are absolute, escaped, and end with a slash for folders', () => {
    expect(hrefOf(parsePath('/'), true)).toBe('/')
    expect(hrefOf(parsePath('/a b/#%?&ü;'), false)).toBe('/a%20b/%23%25%3F&%C3%BC%3B')
    expect(hrefOf(parsePath('/a'), true)).toBe('/a/')
    expect(escapeSegment("a-_.~!'()*$&+,=:@")).toBe("a-_.~!'()*$&+,=:@")
  })

  it('lead back to their path, whatever the names are', () => {
    const name = fc.string({ unit: 'binary', minLength: 1, maxLength: 60 })
    fc.assert(
      fc.property(fc.array(name, { minLength: 1, maxLength: 3 }), (names) => {
        let path: ReturnType<typeof parsePath>
        try {
          path = parsePath(`/${names.join('/')}`)
        } catch {
          return
        }
        expect(pathOfTarget(hrefOf(path, false))).toBe(path)
        expect(pathOfTarget(hrefOf(path, true))).toBe(path)
      }),
    )
  })
})
