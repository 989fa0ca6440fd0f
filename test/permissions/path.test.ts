import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Fault } from '#faults'
import {
  childOf,
  depth,
  isBelow,
  isWithin,
  parentOf,
  parsePath,
  ROOT,
  resolvePath,
  segments,
} from '#permissions/path.ts'

describe('virtual path', () => {
  test.each([
    ['/', '/'],
    ['', '/'],
    ['/a', '/a'],
    ['a', '/a'],
    ['/a/', '/a'],
    ['/a/b c/ü', '/a/b c/ü'],
    ['/...', '/...'],
    ['/a\\b', '/a\\b'],
  ])('%j is read as %j', (text, path) => {
    expect(parsePath(text)).toBe(path)
  })

  test.each([
    '//',
    '/a//b',
    '/.',
    '/..',
    '/a/../b',
    '../a',
    '/a/./b',
    '/a\0b',
    '/a/\ud800',
    `/${'x'.repeat(256)}`,
    `/${'ü'.repeat(128)}`,
    `/${'x/'.repeat(2_100)}`,
  ])('%j is refused as invalid', (text) => {
    expect(() => parsePath(text)).toThrow(Fault)
  })

  test('reading what was read changes nothing, and each part of it is safe', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (text) => {
        const path = tryParse(text)
        if (path === null) return
        expect(parsePath(path)).toBe(path)
        expect(segments(path).every((s) => s !== '' && s !== '.' && s !== '..' && !s.includes('\0'))).toBe(
          true,
        )
      }),
      { numRuns: 2_000 },
    )
  })

  test('typed text never leaves the root, whatever it says', () => {
    const piece = fc.constantFrom('..', '.', '', 'a', 'b c', '...', '/')
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const path = resolvePath(parsePath('/home/x'), pieces.join('/'))
        expect(path.startsWith('/')).toBe(true)
        expect(segments(path)).not.toContain('..')
      }),
    )
  })

  test.each([
    ['/a', 'b', '/a/b'],
    ['/a', '/b', '/b'],
    ['/a/b', '..', '/a'],
    ['/a', '../../../etc', '/etc'],
    ['/a', '', '/a'],
    ['/a', './/c/', '/a/c'],
  ])('from %j, %j leads to %j', (base, text, path) => {
    expect(resolvePath(parsePath(base), text)).toBe(path)
  })

  test('S1: folders are compared by segment, not by letters', () => {
    expect(isWithin(parsePath('/a'), parsePath('/ab'))).toBe(false)
    expect(isWithin(parsePath('/a'), parsePath('/a/b'))).toBe(true)
    expect(isWithin(parsePath('/a'), parsePath('/a'))).toBe(true)
    expect(isBelow(parsePath('/a'), parsePath('/a'))).toBe(false)
    expect(isWithin(ROOT, parsePath('/x'))).toBe(true)
  })

  test('parents and children are each other’s inverse', () => {
    expect(parentOf(parsePath('/a'))).toBe('/')
    expect(parentOf(ROOT)).toBe('/')
    expect(parentOf(childOf(parsePath('/a'), 'b'))).toBe('/a')
    expect(childOf(ROOT, 'b')).toBe('/b')
    expect(() => childOf(ROOT, 'b/c')).toThrow(Fault)
    expect(() => childOf(ROOT, '..')).toThrow(Fault)
    expect(depth(ROOT)).toBe(0)
    expect(depth(parsePath('/a/b'))).toBe(2)
  })
})

function tryParse(text: string) {
  try {
    return parsePath(text)
  } catch (error) {
    if (error instanceof Fault) return null
    throw error
  }
}
