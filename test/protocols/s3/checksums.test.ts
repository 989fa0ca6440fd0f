import { createHash, randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import {
  ALL_ALGORITHMS,
  type Algorithm,
  combineChecksums,
  createChecksum,
  isChecksum,
  multipartEtag,
} from '#protocols/s3/checksums.ts'

function sumOf(algorithm: Algorithm, ...pieces: Uint8Array[]): string {
  const sum = createChecksum(algorithm)
  for (const piece of pieces) sum.update(piece)
  return sum.digest().toString('base64')
}

const base64 = (hex: string) => Buffer.from(hex, 'hex').toString('base64')
const CHECK = Buffer.from('123456789')

describe('S3 checksums', () => {
  // The `check` values of the catalogue of CRC algorithms.
  test.each([
    ['CRC32', 'cbf43926'],
    ['CRC32C', 'e3069283'],
    ['CRC64NVME', 'ae8b14860a799888'],
  ] as const)('%s of 123456789 is %s', (algorithm, hex) => {
    expect(sumOf(algorithm, CHECK)).toBe(base64(hex))
  })

  test('SHA1 and SHA256 are those of the platform', () => {
    expect(sumOf('SHA1', CHECK)).toBe(createHash('sha1').update(CHECK).digest('base64'))
    expect(sumOf('SHA256', CHECK)).toBe(createHash('sha256').update(CHECK).digest('base64'))
  })

  test('nothing has the checksum that AWS documents for an empty body', () => {
    expect(sumOf('CRC32')).toBe('AAAAAA==')
    expect(sumOf('CRC64NVME')).toBe('AAAAAAAAAAA=')
  })

  test('any cut into pieces, aligned to eight bytes or not, gives the same', () => {
    const data = randomBytes(4_099)
    for (const algorithm of ALL_ALGORITHMS) {
      const whole = sumOf(algorithm, data)
      for (const cut of [0, 1, 3, 7, 8, 9, 64, 4_098]) {
        expect(sumOf(algorithm, data.subarray(0, cut), data.subarray(cut)), `${algorithm} at ${cut}`).toBe(
          whole,
        )
      }
    }
  })

  test('a value of another length or alphabet is none', () => {
    expect(isChecksum('CRC32', 'y/Q5Jg==')).toBe(true)
    expect(isChecksum('CRC32', 'y/Q5Jg')).toBe(false)
    expect(isChecksum('CRC32', 'y/Q5Jg==-2')).toBe(false)
    expect(isChecksum('CRC64NVME', 'y/Q5Jg==')).toBe(false)
  })
})

describe('S3 checksums of multipart objects', () => {
  const parts = [randomBytes(100_000), randomBytes(100_000), randomBytes(77), randomBytes(0)]

  test.each(['CRC32', 'CRC32C', 'CRC64NVME'] as const)(
    '%s FULL_OBJECT is that of the joined bytes',
    (algorithm) => {
      const sums = parts.map((part) => ({ checksum: sumOf(algorithm, part), size: part.length }))
      expect(combineChecksums(algorithm, 'FULL_OBJECT', sums)).toBe(sumOf(algorithm, Buffer.concat(parts)))
    },
  )

  test('CRC32 COMPOSITE is the CRC32 of the CRC32s, with the number of parts', () => {
    const raw = parts.map((part) => {
      const bytes = Buffer.alloc(4)
      bytes.writeUInt32BE(crc32(part))
      return bytes
    })
    const sums = raw.map((bytes, index) => ({
      checksum: bytes.toString('base64'),
      size: parts[index]?.length ?? 0,
    }))
    expect(combineChecksums('CRC32', 'COMPOSITE', sums)).toBe(`${sumOf('CRC32', Buffer.concat(raw))}-4`)
  })

  test('check 2: the ETag is the MD5 of the MD5s, with the number of parts', () => {
    const md5s = parts.map((part) => createHash('md5').update(part).digest())
    const expected = createHash('md5').update(Buffer.concat(md5s)).digest('hex')
    expect(multipartEtag(md5s.map((md5) => md5.toString('hex')))).toBe(`${expected}-4`)
  })
})
