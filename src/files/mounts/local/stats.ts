import { type BigIntStats, fstatSync, lstat, lstatSync } from 'node:fs'
import { baseName, type VirtualPath } from '#permissions/path.ts'
import type { Fingerprint } from '../../metadata.ts'
import type { Entry } from '../../types.ts'
import { versionOf } from '../../version.ts'
import { errnoOf, faultOf } from './errors.ts'

/** What is at a path, links not followed; null when nothing is. Meant for what the dentry cache answers. */
export function look(path: string): BigIntStats | null {
  try {
    return lstatSync(path, { bigint: true, throwIfNoEntry: false }) ?? null
  } catch (error) {
    if (errnoOf(error) === 'ENOTDIR') return null
    throw faultOf(error)
  }
}

/** The same without waiting on the event loop: for many, and for what may be slow. */
export function lookLater(path: string): Promise<BigIntStats | null> {
  return new Promise((resolve, reject) => {
    lstat(path, { bigint: true }, (error, stats) => {
      if (!error) resolve(stats)
      else if (error.code === 'ENOENT' || error.code === 'ENOTDIR') resolve(null)
      else reject(faultOf(error))
    })
  })
}

export function fingerprintFrom(stats: BigIntStats): Fingerprint {
  return { ino: stats.ino, size: Number(stats.size), mtimeNs: stats.mtimeNs }
}

/** The entry of a file or folder; null for links, devices, sockets: they do not exist. */
export function entryFrom(path: VirtualPath, stats: BigIntStats): Entry | null {
  const isFile = stats.isFile()
  if (!isFile && !stats.isDirectory()) return null
  return {
    path,
    name: baseName(path),
    kind: isFile ? 'file' : 'folder',
    size: isFile ? Number(stats.size) : 0,
    modified: Number(stats.mtimeNs) / 1e6,
    created: Number(stats.birthtimeNs) / 1e6,
    version: versionOf(isFile ? fingerprintFrom(stats) : { ino: stats.ino, size: 0, mtimeNs: stats.mtimeNs }),
  }
}

/** The fingerprint of an open file. */
export function fingerprintOfDescriptor(fd: number): Fingerprint {
  return fingerprintFrom(fstatSync(fd, { bigint: true }))
}
