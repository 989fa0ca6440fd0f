import type { Fingerprint } from './metadata.ts'
import type { Entry } from './types.ts'

const MASK = 0xffff_ffff_ffff_ffffn
// Odd, so that different sizes of one inode always give different versions.
const SPREAD = 0x9e37_79b9_7f4a_7c15n

/** 32 hex digits: inode mixed with the size, then mtime in nanoseconds. Can be read back with the size. */
export function versionOf({ ino, size, mtimeNs }: Fingerprint): string {
  return hex64(ino ^ mixed(size)) + hex64(mtimeNs)
}

/** The fingerprint that a file's entry was made from. */
export function fingerprintOf(entry: Entry): Fingerprint {
  return {
    ino: (BigInt(`0x${entry.version.slice(0, 16)}`) ^ mixed(entry.size)) & MASK,
    size: entry.size,
    mtimeNs: BigInt.asIntN(64, BigInt(`0x${entry.version.slice(16)}`)),
  }
}

/**
 * What metadata of an entry is bound to. A folder's mtime changes with each of its members, so that it is bound to
 * its inode and the time of its birth, in microseconds.
 */
export function describedAs(entry: Entry): Fingerprint {
  const { ino, size, mtimeNs } = fingerprintOf(entry)
  if (entry.kind === 'file') return { ino, size, mtimeNs }
  return { ino, size: 0, mtimeNs: BigInt(Math.round(entry.created * 1_000)) * 1_000n }
}

function mixed(size: number): bigint {
  return size === 0 ? 0n : (BigInt(size) * SPREAD) & MASK
}

function hex64(value: bigint): string {
  return BigInt.asUintN(64, value).toString(16).padStart(16, '0')
}
