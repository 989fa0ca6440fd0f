import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Fault } from '#faults'
import type { Entry } from '#files/types.ts'
import { parsePath } from '#permissions/path.ts'
import { attributesReply, listingReply, longName, takeAttributes } from '#protocols/sftp/attributes.ts'
import { createFramer } from '#protocols/sftp/framing.ts'
import {
  openRequest,
  putUint64,
  type Request,
  statusReply,
  takeData,
  takePath,
  takeText,
  takeUint32,
  takeUint64,
} from '#protocols/sftp/packets.ts'
import { packet, str, u32, u64 } from './bytes.ts'

/** What the framer delivers of a stream that comes in pieces of these sizes. */
function frames(stream: Buffer, sizes: readonly number[]): Buffer[] {
  const found: Buffer[] = []
  const frame = createFramer((pieces) => found.push(Buffer.concat(pieces)))
  let at = 0
  for (const size of sizes) {
    frame(stream.subarray(at, at + size))
    at += size
  }
  frame(stream.subarray(at))
  return found
}

function request(...fields: Buffer[]): Request {
  return openRequest([packet(17, u32(7), ...fields).subarray(4)])
}

function codeOf(work: () => unknown): string {
  try {
    work()
    return 'no fault'
  } catch (error) {
    return error instanceof Fault ? error.code : `not a fault: ${error}`
  }
}

describe('framing', () => {
  test('packets are the same however the stream is cut', () => {
    const bodies = fc.array(fc.uint8Array({ minLength: 1, maxLength: 400 }), { maxLength: 8 })
    const cuts = fc.array(fc.integer({ min: 0, max: 60 }), { maxLength: 60 })
    fc.assert(
      fc.property(bodies, cuts, (packets, sizes) => {
        const stream = Buffer.concat(packets.map((body) => str(Buffer.from(body))))
        expect(frames(stream, sizes)).toEqual(packets.map((body) => Buffer.from(body)))
      }),
    )
  })

  test('a piece is delivered as it came, not copied', () => {
    const stream = packet(5, u32(1), str('handle'))
    let delivered: Buffer[] = []
    createFramer((pieces) => {
      delivered = pieces
    })(stream)
    expect(delivered).toHaveLength(1)
    expect(delivered[0]?.buffer).toBe(stream.buffer)
  })

  test.each([
    ['0 (check 23)', 0],
    ['0x7fffffff (check 23)', 0x7fffffff],
    ['0xffffffff', 0xffffffff],
    ['one more than 256 KiB', 256 * 1024 + 1],
  ])('a length of %s is refused before anything is kept', (_name, length) => {
    expect(codeOf(() => frames(u32(length), []))).toBe('invalid')
  })
})

describe('reading a request', () => {
  test('type, id and fields come out as they were put in', () => {
    const read = request(u32(0xfffffffe), u64(2n ** 53n - 1n), str('näme'))
    expect([read.type, read.id]).toEqual([17, 7])
    expect(takeUint32(read)).toBe(0xfffffffe)
    expect(takeUint64(read)).toBe(Number.MAX_SAFE_INTEGER)
    expect(takeText(read)).toBe('näme')
  })

  test('a packet without an id is refused', () => {
    expect(codeOf(() => openRequest([Buffer.from([17, 0, 0, 0])]))).toBe('invalid')
  })

  test.each([2n ** 53n, 2n ** 63n, 2n ** 64n - 1n])('the number %s is refused (check 22)', (value) => {
    expect(codeOf(() => takeUint64(request(u64(value))))).toBe('invalid')
  })

  test('a field that goes beyond the packet is refused', () => {
    expect(codeOf(() => takeUint32(request(Buffer.alloc(3))))).toBe('invalid')
    expect(codeOf(() => takeUint64(request(Buffer.alloc(7))))).toBe('invalid')
    expect(codeOf(() => takeText(request(u32(5), Buffer.from('four'))))).toBe('invalid')
    expect(codeOf(() => takeText(request(u32(0xffffffff), Buffer.from('x'))))).toBe('invalid')
  })

  test('no packet makes reading fail in any way but a Fault', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        const reading = () => {
          const one = openRequest([Buffer.from(bytes)])
          takeAttributes(one)
          takePath(one)
          takeUint64(one)
        }
        expect(codeOf(reading)).not.toContain('not a fault')
      }),
    )
  })

  test('a name that is not UTF-8 is refused: it would name another file', () => {
    expect(codeOf(() => takeText(request(str(Buffer.from([0x66, 0xff])))))).toBe('invalid')
  })

  test.each([
    ['', '/'],
    ['.', '/'],
    ['a/b', '/a/b'],
    ['/a/./b/../c', '/a/c'],
    ['/../../etc/passwd', '/etc/passwd'],
  ])('the path %j means %s (check 18)', (text, path) => {
    expect(takePath(request(str(text)))).toBe(path)
  })

  test('a NUL in a name is refused (check 20)', () => {
    expect(codeOf(() => takePath(request(str('a\0b'))))).toBe('invalid')
  })
})

describe('the bytes of a WRITE', () => {
  const data = Buffer.from(Array.from({ length: 1000 }, (_, i) => i % 251))
  const body = packet(6, u32(7), str('hand'), u64(5n), str(data)).subarray(4)

  test('are the same however the packet came', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 400 }), { maxLength: 20 }), (sizes) => {
        const pieces: Buffer[] = []
        let at = 0
        for (const size of [...sizes, body.length]) {
          if (at < body.length) pieces.push(body.subarray(at, at + size))
          at += size
        }
        const one = openRequest(pieces)
        takeText(one)
        expect(takeUint64(one)).toBe(5)
        const { chunks, length } = takeData(one)
        expect(length).toBe(data.length)
        expect(Buffer.concat(chunks).equals(data)).toBe(true)
      }),
    )
  })

  const claiming = (length: number) => {
    const one = openRequest([packet(6, u32(7), str('hand'), u64(5n), u32(length), data).subarray(4)])
    takeText(one)
    takeUint64(one)
    return one
  }

  test.each([1001, 0xffffffff])('are refused when they claim to be %i', (length) => {
    expect(codeOf(() => takeData(claiming(length)))).toBe('invalid')
  })

  test.each([0, 1, 999])('end where they claim to, at %i: rclone sends its whole buffer', (length) => {
    const { chunks } = takeData(claiming(length))
    expect(Buffer.concat(chunks).equals(data.subarray(0, length))).toBe(true)
  })
})

describe('attributes', () => {
  test('size, mode and time are read; what is not sent is absent', () => {
    const all = request(u32(15), u64(9n), u32(1), u32(2), u32(0o100644), u32(3), u32(4))
    expect(takeAttributes(all)).toEqual({ size: 9, owned: true, mode: 0o644, modified: 4000 })
    expect(takeAttributes(request(u32(0)))).toEqual({})
  })

  test('a mode of 0x80000000 is masked (check 21)', () => {
    expect(takeAttributes(request(u32(4), u32(0x80000000)))).toEqual({ mode: 0 })
  })

  test('2^32 extended attributes end with the packet', () => {
    expect(codeOf(() => takeAttributes(request(u32(0x80000000), u32(0xffffffff), str('a'), str('b'))))).toBe(
      'invalid',
    )
  })

  test('an entry is shown with size, mode and time in whole seconds', () => {
    const reply = attributesReply(9, { kind: 'file', size: 2 ** 40 + 3, modified: 1_700_000_000_999 })
    expect(reply.toString('hex')).toBe(
      packet(
        105,
        u32(9),
        u32(13),
        u64(2n ** 40n + 3n),
        u32(0o100644),
        u32(1_700_000_000),
        u32(1_700_000_000),
      ).toString('hex'),
    )
  })

  test('times before 1970 and after 2106 are shown as the nearest that fit', () => {
    const seconds = (modified: number) =>
      attributesReply(1, { kind: 'file', size: 0, modified }).subarray(-4).readUInt32BE()
    expect(seconds(-5000)).toBe(0)
    expect(seconds(2 ** 33 * 1000)).toBe(0xffffffff)
  })
})

describe('replies', () => {
  test('a status has code, message and an empty language', () => {
    expect(statusReply(3, 4, 'häh')).toEqual(packet(101, u32(3), u32(4), str('häh'), str('')))
  })

  test('numbers up to 2^53 are written whole', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (value) => {
        const bytes = Buffer.alloc(8)
        putUint64(bytes, value, 0)
        expect(bytes.readBigUInt64BE()).toBe(BigInt(value))
      }),
    )
  })

  test('the line of ls -l masks control characters and has year or time of day', () => {
    const now = Date.UTC(2024, 5, 1)
    const at = (modified: number) => longName({ name: 'a\x1b[2Jb', kind: 'file', size: 12, modified }, now)
    expect(at(Date.UTC(2024, 4, 3, 4, 5))).toBe(
      '-rw-r--r--    1 0        0                12 May  3 04:05 a?[2Jb',
    )
    expect(at(Date.UTC(2020, 11, 30))).toContain(' Dec 30  2020 ')
  })

  test('a long listing is cut into packets of at most 32 KiB, nothing lost', () => {
    const entries = Array.from({ length: 1000 }, (_, i): Entry => {
      const name = `${'ü'.repeat(i % 126)}${i}`
      const path = parsePath(`/${name}`)
      return { path, name, kind: 'file', size: 2 ** 52, modified: 0, created: 0, version: '' }
    })
    let next = 0
    let packets = 0
    while (next < entries.length) {
      const { packet: reply, count } = listingReply(1, entries, next, Date.now())
      expect(reply.length).toBeLessThanOrEqual(32 * 1024)
      expect(reply.readUInt32BE(0)).toBe(reply.length - 4)
      expect(reply.readUInt32BE(9)).toBe(count)
      expect(count).toBeGreaterThan(40)
      next += count
      packets += 1
    }
    expect(next).toBe(entries.length)
    expect(packets).toBeGreaterThan(5)
  })
})
