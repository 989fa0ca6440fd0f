import type { Handler } from './context.ts'
import { close } from './requests/close.ts'
import { extended } from './requests/extended.ts'
import { mkdir, opendir, readdir, rmdir } from './requests/folders.ts'
import { realpath, refuseLink, remove, rename } from './requests/names.ts'
import { open } from './requests/open.ts'
import { read } from './requests/read.ts'
import { fsetstat, setstat } from './requests/setstat.ts'
import { fstat, stat } from './requests/stat.ts'
import { write } from './requests/write.ts'
import { REQUEST } from './wire.ts'

/** One handler for each request type but INIT. */
export const HANDLERS: ReadonlyMap<number, Handler> = new Map<number, Handler>([
  [REQUEST.open, open],
  [REQUEST.close, close],
  [REQUEST.read, read],
  [REQUEST.write, write],
  [REQUEST.lstat, stat],
  [REQUEST.fstat, fstat],
  [REQUEST.setstat, setstat],
  [REQUEST.fsetstat, fsetstat],
  [REQUEST.opendir, opendir],
  [REQUEST.readdir, readdir],
  [REQUEST.remove, remove],
  [REQUEST.mkdir, mkdir],
  [REQUEST.rmdir, rmdir],
  [REQUEST.realpath, realpath],
  [REQUEST.stat, stat],
  [REQUEST.rename, rename],
  [REQUEST.readlink, refuseLink],
  [REQUEST.symlink, refuseLink],
  [REQUEST.extended, extended],
])

/** These run beside what follows them; everything else is done in the order in which it came. */
export const OVERLAPPING: ReadonlySet<number> = new Set([REQUEST.read, REQUEST.write])
