import { PassThrough, Writable } from 'node:stream'
import { finished } from 'node:stream/promises'
import { describe, expect, it } from 'vitest'
import { endWithFile, sendFile } from '#net/pump.ts'
import { readSmallBody, receiveBody } from '#net/receive.ts'

const MIB = 1024 * 1024
const bytes = Buffer.from(Array.from({ length: MIB + 13 }, (_, index) => (index * 31) % 251))

/** A file in memory that can be read in pieces of at most `most` bytes. */
function fileOf(content: Buffer, most = Number.POSITIVE_INFINITY) {
  return {
    read: async (target: Uint8Array, position: number) => {
      const part = content.subarray(position, position + Math.min(target.length, most))
      target.set(part)
      return part.length
    },
  }
}

/** A target that copies each chunk when it takes it, as the kernel does. */
function collector() {
  const copies: Buffer[] = []
  const target = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      copies.push(Buffer.from(chunk))
      setImmediate(done)
    },
  })
  return { target, received: () => Buffer.concat(copies) }
}

describe('sendFile', () => {
  it.each([
    ['all', 0, bytes.length],
    ['nothing', 5, 5],
    ['a short span', 3, 10],
    ['exactly one buffer', 7, 7 + 256 * 1024],
    ['one byte more than two buffers', 1, 2 + 512 * 1024],
  ])('sends %s', async (_name, start, end) => {
    const { target, received } = collector()
    await sendFile(fileOf(bytes), target, { start, end })
    expect(Buffer.compare(received(), bytes.subarray(start, end))).toBe(0)
  })

  it.each([bytes.length, 5_000])('copes with short reads of %d bytes', async (length) => {
    const { target, received } = collector()
    await sendFile(fileOf(bytes, 1000), target, { start: 0, end: length })
    expect(Buffer.compare(received(), bytes.subarray(0, length))).toBe(0)
  })

  it('never reuses a buffer that is still being written', async () => {
    const copies: Buffer[] = []
    const slow = new Writable({
      highWaterMark: 1,
      write: (chunk: Buffer, _encoding, done) => {
        setTimeout(() => {
          copies.push(Buffer.from(chunk))
          done()
        }, 3)
      },
    })
    await sendFile(fileOf(bytes), slow, { start: 0, end: bytes.length })
    expect(Buffer.compare(Buffer.concat(copies), bytes)).toBe(0)
  })

  it('rejects when the file turns out shorter', async () => {
    const target = new PassThrough().resume()
    await expect(sendFile(fileOf(bytes), target, { start: 0, end: bytes.length + 1 })).rejects.toThrow(
      'shorter',
    )
  })

  it('rejects when the target closes while a write waits', async () => {
    const stuck = new Writable({ write: () => {} })
    const sending = sendFile(fileOf(bytes), stuck, { start: 0, end: bytes.length })
    setTimeout(() => stuck.destroy(), 10)
    await expect(sending).rejects.toThrow()
    expect(stuck.listenerCount('close')).toBe(0)
  })

  it('rejects with the reason when the signal aborts', async () => {
    const revoked = AbortSignal.abort(new Error('revoked'))
    const target = new PassThrough().resume()
    await expect(sendFile(fileOf(bytes), target, { start: 0, end: 10 }, revoked)).rejects.toThrow('revoked')
  })
})

describe('endWithFile', () => {
  /** What a target got, and in how many writes. */
  function counting() {
    const got: Buffer[] = []
    const target = new Writable({
      write(chunk: Buffer, _encoding, done) {
        got.push(Buffer.from(chunk))
        done()
      },
    })
    return { target, got }
  }

  it.each([0, 1, 16_384, 16_385, 1_000_000])('sends %d bytes and ends', async (length) => {
    const { target, got } = counting()
    await endWithFile(fileOf(bytes), target, { start: 3, end: 3 + length })
    await finished(target)
    expect(Buffer.compare(Buffer.concat(got), bytes.subarray(3, 3 + length))).toBe(0)
    if (length <= 16_384) expect(got.length).toBeLessThanOrEqual(1)
  })

  it('a short file that turns out shorter, or is revoked, is no answer', async () => {
    const past = { start: bytes.length - 1, end: bytes.length + 1 }
    await expect(endWithFile(fileOf(bytes), counting().target, past)).rejects.toThrow('shorter')
    const revoked = AbortSignal.abort(new Error('revoked'))
    const { target, got } = counting()
    await expect(endWithFile(fileOf(bytes), target, { start: 0, end: 9 }, revoked)).rejects.toThrow('revoked')
    expect([got.length, target.writableEnded]).toEqual([0, false])
  })
})

/** A sink in memory that records the size of each write. */
function sink() {
  const parts: { at: number; length: number }[] = []
  const content = Buffer.alloc(3 * MIB)
  const write = async (chunks: readonly Uint8Array[], position: number) => {
    const joined = Buffer.concat(chunks)
    parts.push({ at: position, length: joined.length })
    await new Promise((resolve) => setTimeout(resolve, 1))
    content.set(joined, position)
  }
  return { write, parts, content }
}

async function* pieces(content: Buffer, size: number) {
  for (let at = 0; at < content.length; at += size) yield content.subarray(at, at + size)
}

describe('receiveBody', () => {
  it.each([10_000, 65_536, 700_000])('writes pieces of %d bytes in order, gathered', async (size) => {
    const to = sink()
    expect(await receiveBody(pieces(bytes, size), to)).toBe(bytes.length)
    expect(Buffer.compare(to.content.subarray(0, bytes.length), bytes)).toBe(0)
    expect(to.parts.length).toBeLessThanOrEqual(3)
  })

  it('does not gather thousands of tiny pieces', async () => {
    const to = sink()
    await receiveBody(pieces(bytes.subarray(0, 5000), 1), to)
    expect(to.parts.map(({ length }) => length)).toEqual([1000, 1000, 1000, 1000, 1000])
  })

  it('gives back the memory of written chunks that are its own, and of no others', async () => {
    const own = Array.from({ length: 12 }, (_, i) => Buffer.alloc(65_536, i))
    const shared = Buffer.alloc(2 * 65_536, 'x')
    const part = shared.subarray(0, 65_536)
    const small = Buffer.alloc(100, 'y')
    async function* body() {
      yield part
      yield small
      yield* own
    }
    const to = sink()
    await receiveBody(body(), to, { owned: true })
    expect(own.slice(0, 7).map(({ length }) => length)).toEqual(own.slice(0, 7).map(() => 0))
    expect([part.length, small.length]).toEqual([65_536, 100])
    expect(to.content.subarray(65_636 + 6 * 65_536, 65_636 + 7 * 65_536).every((byte) => byte === 6)).toBe(
      true,
    )
    const again = Buffer.alloc(600_000, 'z')
    await receiveBody(pieces(again, again.length), sink())
    expect(again.length).toBe(600_000)
  })

  it('begins at the position asked for', async () => {
    const to = sink()
    await receiveBody(pieces(Buffer.from('abc'), 1), to, { position: 7 })
    expect(to.content.subarray(7, 10).toString()).toBe('abc')
  })

  it('an empty body writes nothing', async () => {
    const to = sink()
    expect(await receiveBody(pieces(Buffer.alloc(0), 1), to)).toBe(0)
    expect(to.parts).toEqual([])
  })

  it('stops at the limit', async () => {
    await expect(receiveBody(pieces(bytes, 100), sink(), { limit: 150 })).rejects.toMatchObject({
      code: 'too_large',
    })
  })

  it('a write that fails is what the caller sees, once and handled', async () => {
    const broken = {
      write: async () => {
        throw new Error('disk full')
      },
    }
    await expect(receiveBody(pieces(bytes, 65_536), broken)).rejects.toThrow('disk full')
  })

  it('a source that fails is what the caller sees after the running write ended', async () => {
    const to = sink()
    async function* cut() {
      yield bytes.subarray(0, 600_000)
      throw new Error('client went away')
    }
    await expect(receiveBody(cut(), to)).rejects.toThrow('client went away')
    expect(to.content[599_999]).toBe(bytes[599_999])
  })
})

describe('readSmallBody', () => {
  it('gives the whole body, or too_large', async () => {
    expect((await readSmallBody(pieces(Buffer.from('hello'), 2), 5)).toString()).toBe('hello')
    await expect(readSmallBody(pieces(Buffer.from('hello!'), 2), 5)).rejects.toMatchObject({
      code: 'too_large',
    })
  })
})
