import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { oneLine, parseCommand } from '#protocols/ftp/control.ts'
import { LineReader, MAX_LINE_BYTES } from '#protocols/ftp/line-reader.ts'

function read(...chunks: Uint8Array[]): (string | null)[] {
  const lines: (string | null)[] = []
  const reader = new LineReader((line) => lines.push(line))
  for (const chunk of chunks) expect(reader.push(chunk)).toBe(true)
  return lines
}

describe('line reader', () => {
  test('a command cut into segments is one line (check 5)', () => {
    expect(read(Buffer.from('US'), Buffer.from('ER u\r'), Buffer.from('\nPASS'))).toEqual(['USER u'])
  })

  test('however the bytes are cut, the lines are the same', () => {
    const text = Buffer.from('USER ü\r\nSTOR 🗝️ "key".txt\nCWD  two spaces \r\n\r\n')
    const whole = ['USER ü', 'STOR 🗝️ "key".txt', 'CWD  two spaces ', '']
    fc.assert(
      fc.property(fc.array(fc.nat(text.length), { maxLength: 8 }), (cuts) => {
        const edges = [0, ...cuts.sort((a, b) => a - b), text.length]
        const chunks = edges.slice(1).map((edge, i) => text.subarray(edges[i], edge))
        expect(read(...chunks)).toEqual(whole)
      }),
    )
  })

  test('telnet sequences around ABOR are stripped, also when their urgent byte is lost on the way', () => {
    const abor = Buffer.from('ABOR\r\n')
    const before = [
      [0xff, 0xf4, 0xff, 0xf2],
      [0xff, 0xf4, 0xf2],
      [0xf2],
      [0xff, 0xf4, 0xff],
      [0xff, 0xfb, 0x01],
    ]
    for (const bytes of before) expect(read(Buffer.concat([Buffer.from(bytes), abor]))).toEqual(['ABOR'])
  })

  test('ABOR whose LF was urgent data, and so lost, is read; where the LF comes it ends no second line', () => {
    expect(read(Buffer.from('ABOR\r'))).toEqual(['ABOR'])
    expect(read(Buffer.from('ABOR\r'), Buffer.from('\nNOOP\r\n'))).toEqual(['ABOR', 'NOOP'])
    expect(read(Buffer.from('abor\rNOOP\r\n'))).toEqual(['abor', 'NOOP'])
  })

  test('a four-byte UTF-8 character inside a name is no telnet sequence', () => {
    expect(read(Buffer.from('RETR 𝄞🗝.txt\r\n'))).toEqual(['RETR 𝄞🗝.txt'])
  })

  test('a line that is not UTF-8 is told as such', () => {
    expect(read(Buffer.from([0x52, 0x20, 0xe9, 0x0d, 0x0a]))).toEqual([null])
  })

  test('a line longer than 4 KiB ends the reading', () => {
    const reader = new LineReader(() => {})
    expect(reader.push(Buffer.alloc(MAX_LINE_BYTES, 'a'))).toBe(true)
    expect(reader.push(Buffer.from('a'))).toBe(false)
  })

  test('after stop nothing comes, not even the rest of the chunk', () => {
    const lines: (string | null)[] = []
    const reader = new LineReader((line) => {
      lines.push(line)
      reader.stop()
    })
    reader.push(Buffer.from('AUTH TLS\r\nUSER x\r\n'))
    reader.push(Buffer.from('PASS y\r\n'))
    expect(lines).toEqual(['AUTH TLS'])
  })
})

describe('command line', () => {
  test('verbs know no case, and the argument keeps every space but the first', () => {
    expect(parseCommand('stor  a b ')).toEqual({ verb: 'STOR', argument: ' a b ' })
    expect(parseCommand('NOOP')).toEqual({ verb: 'NOOP', argument: '' })
  })

  test('CR NUL stands for a CR in a name', () => {
    expect(parseCommand('DELE a\r\0b')).toEqual({ verb: 'DELE', argument: 'a\rb' })
  })

  test('no text in a reply can end its line', () => {
    expect(oneLine('a\r\n226 Done\0\x7f')).toBe('a??226 Done??')
  })
})
