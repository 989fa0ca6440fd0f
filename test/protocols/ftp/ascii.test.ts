import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type LineEnds, toLocal, toNetwork } from '#protocols/ftp/ascii.ts'

function convert(ends: LineEnds, chunks: readonly string[]): string {
  const parts = chunks.map((chunk) => ends.convert(Buffer.from(chunk, 'latin1')))
  return Buffer.concat([...parts, ends.flush()]).toString('latin1')
}

describe('line ends in TYPE A', () => {
  test('downloads get CRLF, and an LF that has its CR does not get a second one', () => {
    expect(convert(toNetwork(), ['a\nb\r\nc', '\n\r', '\n'])).toBe('a\r\nb\r\nc\r\n\r\n')
  })

  test('uploads lose the CR of CRLF and no other', () => {
    expect(convert(toLocal(), ['a\r\nb\rc\r', '\nd\r\r\n', '\r'])).toBe('a\nb\rc\nd\r\n\r')
  })

  test('where the chunks are cut makes no difference', () => {
    const piece = fc.array(fc.constantFrom('a', '\r', '\n'), { maxLength: 20 }).map((list) => list.join(''))
    fc.assert(
      fc.property(fc.array(piece), (chunks) => {
        const whole = chunks.join('')
        expect(convert(toLocal(), chunks)).toBe(whole.replaceAll('\r\n', '\n'))
        expect(convert(toNetwork(), chunks)).toBe(whole.replaceAll(/(?<!\r)\n/g, '\r\n'))
      }),
    )
  })
})
