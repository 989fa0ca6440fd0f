import { createHash, hash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { type Crc64, combineCrcs, crc32c, updateCrc64nvme } from './crc.ts'
import { S3Fault } from './errors.ts'

/** A checksum that S3 knows, as `x-amz-checksum-<name in lower case>`. */
export type Algorithm = 'CRC32' | 'CRC32C' | 'CRC64NVME' | 'SHA1' | 'SHA256'

/** Whether the checksum of a multipart object is that of its bytes, or of its parts' checksums. */
export type ChecksumType = 'COMPOSITE' | 'FULL_OBJECT'

/** Takes bytes; `digest` once. */
export type RunningChecksum = { update(data: Uint8Array): void; digest(): Buffer }

const BYTES: Readonly<Record<Algorithm, number>> = { CRC32: 4, CRC32C: 4, CRC64NVME: 8, SHA1: 20, SHA256: 32 }
const ALGORITHMS: ReadonlyMap<string, Algorithm> = new Map([
  ['CRC32', 'CRC32'],
  ['CRC32C', 'CRC32C'],
  ['CRC64NVME', 'CRC64NVME'],
  ['SHA1', 'SHA1'],
  ['SHA256', 'SHA256'],
])

/** An algorithm by its name in any case; undefined when there is none of that name. */
export function parseAlgorithm(name: string): Algorithm | undefined {
  return ALGORITHMS.get(name.toUpperCase())
}

export const ALL_ALGORITHMS: readonly Algorithm[] = [...ALGORITHMS.values()]

/** `x-amz-checksum-crc32` … */
export function checksumHeader(algorithm: Algorithm): string {
  return `x-amz-checksum-${algorithm.toLowerCase()}`
}

/** The algorithm of a checksum header; undefined for any other header. */
export function algorithmOfHeader(header: string): Algorithm | undefined {
  return header.startsWith('x-amz-checksum-') ? parseAlgorithm(header.slice(15)) : undefined
}

/** The element of a checksum in S3's XML: `ChecksumCRC32` … */
export function checksumElement(algorithm: Algorithm): string {
  return `Checksum${algorithm}`
}

/** True when the text is base64 of the right length. */
export function isChecksum(algorithm: Algorithm, text: string): boolean {
  const bytes = Buffer.from(text, 'base64')
  return bytes.length === BYTES[algorithm] && bytes.toString('base64') === text
}

export function createChecksum(algorithm: Algorithm): RunningChecksum {
  switch (algorithm) {
    case 'CRC32':
      return running32((data, crc) => crc32(data, crc))
    case 'CRC32C':
      return running32(crc32c)
    case 'CRC64NVME':
      return running64()
    case 'SHA1':
      return createHash('sha1')
    case 'SHA256':
      return createHash('sha256')
  }
}

function running32(step: (data: Uint8Array, crc: number) => number): RunningChecksum {
  let crc = 0
  return {
    update(data) {
      crc = step(data, crc)
    },
    digest() {
      const bytes = Buffer.alloc(4)
      bytes.writeUInt32BE(crc)
      return bytes
    },
  }
}

function running64(): RunningChecksum {
  const crc: Crc64 = { lo: 0, hi: 0 }
  return {
    update: (data) => updateCrc64nvme(crc, data),
    digest() {
      const bytes = Buffer.alloc(8)
      bytes.writeUInt32BE(crc.hi)
      bytes.writeUInt32BE(crc.lo, 4)
      return bytes
    },
  }
}

/** How parts are combined when the client does not say: as AWS does. */
export function defaultType(algorithm: Algorithm): ChecksumType {
  return algorithm === 'CRC64NVME' ? 'FULL_OBJECT' : 'COMPOSITE'
}

/** True for the pairs that exist: SHA is COMPOSITE only, CRC64NVME FULL_OBJECT only. */
export function allowsType(algorithm: Algorithm, type: ChecksumType): boolean {
  if (algorithm === 'SHA1' || algorithm === 'SHA256') return type === 'COMPOSITE'
  return algorithm !== 'CRC64NVME' || type === 'FULL_OBJECT'
}

/** The value of `x-amz-checksum-type`; null when absent. Fault InvalidRequest. */
export function readChecksumType(text: string | undefined): ChecksumType | null {
  if (text === undefined) return null
  const type = text.toUpperCase()
  if (type === 'COMPOSITE' || type === 'FULL_OBJECT') return type
  throw new S3Fault('InvalidRequest', 'x-amz-checksum-type must be COMPOSITE or FULL_OBJECT.')
}

/** The checksum of a multipart object from its parts' (base64) in order. */
export function combineChecksums(
  algorithm: Algorithm,
  type: ChecksumType,
  parts: readonly { readonly checksum: string; readonly size: number }[],
): string {
  const all = parts.map(({ checksum }) => Buffer.from(checksum, 'base64'))
  if (type === 'COMPOSITE' || algorithm === 'SHA1' || algorithm === 'SHA256') {
    const running = createChecksum(algorithm)
    running.update(Buffer.concat(all))
    return `${running.digest().toString('base64')}-${parts.length}`
  }
  const pieces = parts.map(({ size }, index) => ({
    crc: BigInt(`0x0${all[index]?.toString('hex') ?? ''}`),
    length: size,
  }))
  const hex = combineCrcs(algorithm, pieces).toString(16)
  return Buffer.from(hex.padStart(BYTES[algorithm] * 2, '0'), 'hex').toString('base64')
}

/** The ETag of a multipart object: MD5 over the parts' MD5s, and their number. */
export function multipartEtag(md5s: readonly string[]): string {
  const bytes = Buffer.concat(md5s.map((md5) => Buffer.from(md5, 'hex')))
  return `${hash('md5', bytes)}-${md5s.length}`
}
