import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A file system of its own, in memory, that can be filled and made read-only. */
export type SmallDisk = Disposable & {
  readonly path: string
  setReadOnly(readOnly: boolean): void
}

/** Null, and loudly so, where this process may not mount; in CI (LATCHKEY_REQUIRE_PROGRAMS=1) it fails. */
export function mountSmallDisk(megabytes: number): SmallDisk | null {
  const path = mkdtempSync(join(tmpdir(), 'latchkey-disk-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', path], { stdio: 'pipe' })
  } catch (error) {
    rmSync(path, { recursive: true })
    if (process.env.LATCHKEY_REQUIRE_PROGRAMS === '1') throw error
    console.warn('SKIPPED: no file system can be mounted here, what a full disk does is not shown')
    return null
  }
  return {
    path,
    setReadOnly: (readOnly) =>
      void execFileSync('mount', ['-o', `remount,${readOnly ? 'ro' : 'rw'}`, path], { stdio: 'pipe' }),
    [Symbol.dispose]() {
      execFileSync('umount', ['-l', path])
      rmSync(path, { recursive: true })
    },
  }
}
