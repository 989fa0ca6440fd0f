import type { Mount, Staged } from '#files/mount.ts'
import { parsePath } from '#permissions/path.ts'

export type MountUnderTest = AsyncDisposable & {
  readonly mount: Mount
  /** Another opening of the same storage, as after a restart. */
  again(): Mount
  /** Names in staging that no finished work should leave. */
  leftovers(): Promise<readonly string[]>
}

export const at = parsePath
export const never = new AbortController().signal

export async function staged(mount: Mount, text: string): Promise<Staged> {
  const upload = await mount.stage({ signal: never })
  await upload.write([Buffer.from(text)], 0)
  return upload
}

export async function put(mount: Mount, path: string, text: string) {
  const upload = await staged(mount, text)
  return upload.publish(at(path), {})
}

export async function get(mount: Mount, path: string): Promise<string> {
  await using file = await mount.open(at(path))
  const target = Buffer.alloc(file.entry.size + 1)
  return target.subarray(0, await file.read(target, 0)).toString()
}
