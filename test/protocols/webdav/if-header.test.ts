import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Fault } from '#faults'
import { parseIf } from '#protocols/webdav/if-header.ts'

const token = (value: string, not = false) => ({ not, kind: 'token', value })
const etag = (value: string, not = false) => ({ not, kind: 'etag', value })

describe('parseIf (RFC 4918 §10.4)', () => {
  it.each([
    ['(<urn:a>)', [{ tag: null, conditions: [token('urn:a')] }]],
    ['(<urn:a> ["x"])', [{ tag: null, conditions: [token('urn:a'), etag('"x"')] }]],
    ['(Not <DAV:no-lock>)', [{ tag: null, conditions: [token('DAV:no-lock', true)] }]],
    ['(NOT<urn:a>[W/"x"])', [{ tag: null, conditions: [token('urn:a', true), etag('W/"x"')] }]],
    [
      '(<urn:a>) (["x"])',
      [
        { tag: null, conditions: [token('urn:a')] },
        { tag: null, conditions: [etag('"x"')] },
      ],
    ],
    [
      '<http://h/a> (<urn:a>)(<urn:b>) </b> (Not ["y"])',
      [
        { tag: 'http://h/a', conditions: [token('urn:a')] },
        { tag: 'http://h/a', conditions: [token('urn:b')] },
        { tag: '/b', conditions: [etag('"y"', true)] },
      ],
    ],
  ])('%s', (header, lists) => {
    expect(parseIf(header)).toEqual(lists)
  })

  it.each([
    '',
    '()',
    'garbage',
    '(garbage)',
    '(<urn:a>',
    '<urn:a>)',
    '(Not)',
    '(Not Not <urn:a>)',
    '(["x])',
    '([x])',
    '</a>',
    '</a> </b> (<urn:a>)',
    '(<urn:a>) </a> (<urn:b>)',
    '((<urn:a>))',
    '(<urn:a>), (<urn:b>)',
    '('.repeat(5_000),
    `(${'<urn:a>'.repeat(5_000)})`,
  ])('%s is invalid (check 26)', (header) => {
    expect(() => parseIf(header)).toThrow(Fault)
  })

  it('whatever comes is read in linear time or refused', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[()<>[\]"Nota: W/]{0,200}$/), (header) => {
        try {
          expect(parseIf(header).length).toBeGreaterThan(0)
        } catch (error) {
          expect(error).toBeInstanceOf(Fault)
        }
      }),
    )
  })
})
