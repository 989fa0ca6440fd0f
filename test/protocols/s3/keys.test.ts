import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parsePath } from '#permissions/path.ts'
import { S3Fault } from '#protocols/s3/errors.ts'
import { compareKeys, placeOfKey, urlEncodeKey } from '#protocols/s3/keys.ts'

const bucket = parsePath('/bucket')

function codeOf(key: string): string {
  try {
    placeOfKey(bucket, key)
    return 'ok'
  } catch (error) {
    return error instanceof S3Fault ? error.s3Code : String(error)
  }
}

describe('S3 keys', () => {
  // Check 31.
  test.each(['..', '.', 'a//b', '/a', 'a/../b', './a', 'a/.', 'a\0b', '/', 'a//'])('%j is refused', (key) => {
    expect(codeOf(key)).toBe('InvalidArgument')
  })

  // Check 33.
  test('a segment of 255 bytes is taken, one of 256 is too long', () => {
    expect(codeOf('x'.repeat(255))).toBe('ok')
    expect(codeOf('x'.repeat(256))).toBe('KeyTooLongError')
    expect(codeOf('ü'.repeat(128))).toBe('KeyTooLongError')
  })

  test('a key of 1,024 bytes is taken, one of 1,025 is too long', () => {
    const key = `${'x'.repeat(200)}/`.repeat(5)
    expect(codeOf(key + 'y'.repeat(1024 - key.length))).toBe('ok')
    expect(codeOf(key + 'y'.repeat(1025 - key.length))).toBe('KeyTooLongError')
  })

  test('a key that ends with a slash is a folder marker at the same path', () => {
    expect(placeOfKey(bucket, 'a/b/')).toEqual({ path: '/bucket/a/b', folder: true })
    expect(placeOfKey(bucket, 'a/b')).toEqual({ path: '/bucket/a/b', folder: false })
  })

  // Check 29.
  test('the order is that of UTF-8 bytes', () => {
    const keys = ['a/b', 'a0', '\u{1f600}', 'a-b', '\ue000', 'a']
    expect(keys.sort(compareKeys)).toEqual(['a', 'a-b', 'a/b', 'a0', '\ue000', '\u{1f600}'])
  })

  test('for any two keys the order is that of Buffer.compare', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'binary' }), (a, b) => {
        const left = a.toWellFormed()
        const right = b.toWellFormed()
        expect(Math.sign(compareKeys(left, right))).toBe(
          Buffer.compare(Buffer.from(left), Buffer.from(right)),
        )
      }),
    )
  })

  test('url encoding is undone by every decoder, also one that takes + for a space', () => {
    const key = "a b+ü&=?#%25'()*!~$/\u{1f600}"
    const encoded = urlEncodeKey(key)
    expect(decodeURIComponent(encoded)).toBe(key)
    expect(new URLSearchParams(`k=${encoded}`).get('k')).toBe(key)
    expect(encoded).toMatch(/^[A-Za-z0-9\-._~%/]*$/)
  })
})
