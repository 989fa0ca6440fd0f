import { createHash, randomBytes } from 'node:crypto'
import { afterAll, describe, expect, test } from 'vitest'
import type { BodyDigests } from '#protocols/s3/digests.ts'
import { type BodyHash, createHashPool } from '#protocols/s3/hash-pool.ts'

const pool = createHashPool(2)
afterAll(() => pool[Symbol.asyncDispose]())

const NOTHING_MORE = { sha256: false, checksums: [] }
const MIB = 1024 * 1024

async function feed(hash: BodyHash, data: Buffer, piece: number): Promise<BodyDigests> {
  for (let from = 0; from < data.length; from += piece) await hash.update(data.subarray(from, from + piece))
  return hash.end()
}

function md5(data: Buffer): string {
  return createHash('md5').update(data).digest('hex')
}

function hex(bytes: Uint8Array | null): string | undefined {
  return bytes === null ? undefined : Buffer.from(bytes).toString('hex')
}

describe('digests of bodies', () => {
  test.each([0, 1, 128 * 1024, 128 * 1024 + 1, 3 * MIB + 7])(
    '%d bytes in threads are digested as on the event loop',
    async (bytes) => {
      const data = randomBytes(bytes)
      for (const length of [null, 1, 100 * MIB]) {
        using hash = pool.open(length, { sha256: true, checksums: ['CRC32', 'SHA1'] })
        const digests = await feed(hash, data, 65_537)
        expect(hex(digests.md5)).toBe(md5(data))
        expect(hex(digests.sha256)).toBe(createHash('sha256').update(data).digest('hex'))
        expect(digests.checksums.map(([name]) => name)).toEqual(['CRC32', 'SHA1'])
        expect(hex(digests.checksums[1]?.[1] ?? null)).toBe(createHash('sha1').update(data).digest('hex'))
      }
    },
  )

  test('many bodies at once, more than have a place in threads, do not mix', async () => {
    const bodies = Array.from({ length: 80 }, (_, index) => randomBytes(600_000 + index))
    const digests = await Promise.all(
      bodies.map((data) => {
        const hash = pool.open(null, NOTHING_MORE)
        return feed(hash, data, 64 * 1024)
      }),
    )
    expect(digests.map((one) => hex(one.md5))).toEqual(bodies.map(md5))
  })

  test('a body that ends early gives its place back', async () => {
    for (let round = 0; round < 200; round++) {
      using hash = pool.open(null, NOTHING_MORE)
      await hash.update(randomBytes(1_000))
    }
    using hash = pool.open(null, NOTHING_MORE)
    expect(hex((await feed(hash, Buffer.from('abc'), 1)).md5)).toBe(md5(Buffer.from('abc')))
  })

  test('when the threads are gone, what waits for them fails and does not hang', async () => {
    const ending = createHashPool(1)
    using hash = ending.open(null, NOTHING_MORE)
    await hash.update(Buffer.alloc(300_000))
    await ending[Symbol.asyncDispose]()
    await expect(feed(hash, Buffer.alloc(MIB), 64 * 1024)).rejects.toThrow('the thread for digests has ended')
  })
})
