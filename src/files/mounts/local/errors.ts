import { Fault, type FaultCode } from '#faults'

const FAULTS: ReadonlyMap<string, readonly [FaultCode, string]> = new Map([
  ['ENOENT', ['not_found', 'no such file or folder']],
  ['ENOTDIR', ['not_found', 'no such file or folder']],
  ['ELOOP', ['not_found', 'no such file or folder']],
  ['ENXIO', ['not_found', 'no such file or folder']],
  ['EEXIST', ['exists', 'something is there already']],
  ['EISDIR', ['exists', 'a folder is there']],
  ['ENOTEMPTY', ['not_empty', 'the folder is not empty']],
  ['ENOSPC', ['quota', 'no space left']],
  ['EDQUOT', ['quota', 'quota exceeded']],
  ['EFBIG', ['too_large', 'the file would be too large']],
  ['EROFS', ['forbidden', 'the storage is read-only']],
  ['EACCES', ['forbidden', 'the storage refuses this']],
  ['EPERM', ['forbidden', 'the storage refuses this']],
  ['ENAMETOOLONG', ['invalid', 'the name is too long']],
  ['EINVAL', ['invalid', 'the storage cannot do this']],
  ['EILSEQ', ['invalid', 'the storage cannot keep this name']],
  ['EXDEV', ['unavailable', 'the storage cannot do this now']],
  ['EIO', ['unavailable', 'the storage cannot do this now']],
  ['ESTALE', ['unavailable', 'the storage cannot do this now']],
  ['EBUSY', ['unavailable', 'the storage cannot do this now']],
  ['EAGAIN', ['unavailable', 'the storage cannot do this now']],
  ['ENOMEM', ['unavailable', 'the storage cannot do this now']],
  ['EMFILE', ['unavailable', 'too many files are open']],
  ['ENFILE', ['unavailable', 'too many files are open']],
])

/** The errno name of a file system error; empty for anything else. */
export function errnoOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
}

/** A file system error as a Fault that names no server path. What is not known is handed back as it is. */
export function faultOf(error: unknown): unknown {
  const known = FAULTS.get(errnoOf(error))
  return known === undefined ? error : new Fault(known[0], known[1], { cause: error })
}

/** `work`, its file system errors turned into Faults. */
export async function guarded<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw faultOf(error)
  }
}

export function isFault(error: unknown, code: FaultCode): boolean {
  return error instanceof Fault && error.code === code
}

export function notFound(): Fault {
  return new Fault('not_found', 'no such file or folder')
}
