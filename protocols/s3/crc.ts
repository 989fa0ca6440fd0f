/** Tables for eight bytes at a step; `hi` stays zero for CRCs of 32 bits. Reflected polynomials. */
type Tables = { readonly lo: Uint32Array; readonly hi: Uint32Array }

const CRC32C = 0x82f63b78n
const CRC64NVME = 0x9a6c9329ac4bc9b5n

/** Rows 0…7 of 256: row n is the CRC of a byte followed by n zero bytes. */
function makeTables(polynomial: bigint): Tables {
  const lo = new Uint32Array(8 * 256)
  const hi = new Uint32Array(8 * 256)
  const row: bigint[] = []
  for (let byte = 0; byte < 256; byte++) {
    let value = BigInt(byte)
    for (let bit = 0; bit < 8; bit++) value = value & 1n ? (value >> 1n) ^ polynomial : value >> 1n
    row.push(value)
  }
  const first = [...row]
  for (let step = 0; step < 8; step++) {
    for (let byte = 0; byte < 256; byte++) {
      const value = row[byte] ?? 0n
      lo[step * 256 + byte] = Number(value & 0xffff_ffffn)
      hi[step * 256 + byte] = Number(value >> 32n)
      row[byte] = (value >> 8n) ^ (first[Number(value & 0xffn)] ?? 0n)
    }
  }
  return { lo, hi }
}

const table32c = makeTables(CRC32C)
const table64 = makeTables(CRC64NVME)

/** Looks a typed array up where the index is known to be in it. */
function at(table: Uint32Array, index: number): number {
  return table[index] ?? 0
}

/** CRC-32C (Castagnoli) of `data`, going on from `crc`; starts with 0. */
export function crc32c(data: Uint8Array, crc = 0): number {
  const { lo } = table32c
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength)
  let value = ~crc
  let index = 0
  for (const end = data.length - 8; index <= end; index += 8) {
    const a = value ^ view.getUint32(index, true)
    const b = view.getUint32(index + 4, true)
    value =
      at(lo, 1792 + (a & 255)) ^
      at(lo, 1536 + ((a >>> 8) & 255)) ^
      at(lo, 1280 + ((a >>> 16) & 255)) ^
      at(lo, 1024 + (a >>> 24)) ^
      at(lo, 768 + (b & 255)) ^
      at(lo, 512 + ((b >>> 8) & 255)) ^
      at(lo, 256 + ((b >>> 16) & 255)) ^
      at(lo, b >>> 24)
  }
  for (; index < data.length; index++) value = at(lo, (value ^ view.getUint8(index)) & 255) ^ (value >>> 8)
  return ~value >>> 0
}

/** A CRC of 64 bits as two halves: BigInt would make each step allocate. */
export type Crc64 = { lo: number; hi: number }

/** CRC-64/NVME of `data`, into `crc`; starts with two zeros. */
export function updateCrc64nvme(crc: Crc64, data: Uint8Array): void {
  const { lo, hi } = table64
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength)
  let low = ~crc.lo
  let high = ~crc.hi
  let index = 0
  for (const end = data.length - 8; index <= end; index += 8) {
    const a = low ^ view.getUint32(index, true)
    const b = high ^ view.getUint32(index + 4, true)
    const i7 = 1792 + (a & 255)
    const i6 = 1536 + ((a >>> 8) & 255)
    const i5 = 1280 + ((a >>> 16) & 255)
    const i4 = 1024 + (a >>> 24)
    const i3 = 768 + (b & 255)
    const i2 = 512 + ((b >>> 8) & 255)
    const i1 = 256 + ((b >>> 16) & 255)
    const i0 = b >>> 24
    low =
      at(lo, i7) ^ at(lo, i6) ^ at(lo, i5) ^ at(lo, i4) ^ at(lo, i3) ^ at(lo, i2) ^ at(lo, i1) ^ at(lo, i0)
    high =
      at(hi, i7) ^ at(hi, i6) ^ at(hi, i5) ^ at(hi, i4) ^ at(hi, i3) ^ at(hi, i2) ^ at(hi, i1) ^ at(hi, i0)
  }
  for (; index < data.length; index++) {
    const slot = (low ^ view.getUint8(index)) & 255
    low = ((low >>> 8) | (high << 24)) ^ at(lo, slot)
    high = (high >>> 8) ^ at(hi, slot)
  }
  crc.lo = ~low >>> 0
  crc.hi = ~high >>> 0
}

export type CrcKind = 'CRC32' | 'CRC32C' | 'CRC64NVME'

const FIELDS: Readonly<Record<CrcKind, { bits: number; polynomial: bigint }>> = {
  CRC32: { bits: 32, polynomial: 0xedb88320n },
  CRC32C: { bits: 32, polynomial: CRC32C },
  CRC64NVME: { bits: 64, polynomial: CRC64NVME },
}

/** The CRC of a whole from those of its pieces and their lengths in bytes. */
export function combineCrcs(kind: CrcKind, pieces: readonly { crc: bigint; length: number }[]): bigint {
  const { bits, polynomial } = FIELDS[kind]
  // Parts are mostly of one length: the costly power is computed once for each.
  const powers = new Map<number, bigint>()
  let whole = 0n
  for (const { crc, length } of pieces) {
    const power = powers.get(length) ?? powerOfX(length * 8, bits, polynomial)
    powers.set(length, power)
    whole = multiply(whole, power, bits, polynomial) ^ crc
  }
  return whole
}

// Reflected: the highest bit stands for x^0.
function multiply(a: bigint, b: bigint, bits: number, polynomial: bigint): bigint {
  let product = 0n
  let shifted = b
  for (let bit = BigInt(bits - 1); bit >= 0n; bit--) {
    if ((a >> bit) & 1n) product ^= shifted
    shifted = shifted & 1n ? (shifted >> 1n) ^ polynomial : shifted >> 1n
  }
  return product
}

function powerOfX(exponent: number, bits: number, polynomial: bigint): bigint {
  let result = 1n << BigInt(bits - 1)
  let square = 1n << BigInt(bits - 2)
  for (let rest = BigInt(exponent); rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = multiply(result, square, bits, polynomial)
    square = multiply(square, square, bits, polynomial)
  }
  return result
}
