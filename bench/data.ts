import { randomFillSync } from 'node:crypto'
import { mkdir, open, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

const PIECE = 1024 * 1024

/** Writes a file of `bytes` that do not compress. */
export async function randomFile(path: string, bytes: number): Promise<string> {
  const piece = Buffer.allocUnsafe(PIECE)
  await using file = await open(path, 'w')
  for (let left = bytes; left > 0; left -= PIECE) {
    randomFillSync(piece)
    await file.write(piece, 0, Math.min(left, PIECE))
  }
  return path
}

/** Makes `count` files `f00000` … of `bytes` each in a folder. */
export async function manyFiles(folder: string, count: number, bytes: number): Promise<string> {
  await mkdir(folder, { recursive: true })
  const content = Buffer.alloc(bytes, 'x')
  const names = Array.from({ length: count }, (_, at) => `f${String(at).padStart(5, '0')}`)
  for (let at = 0; at < count; at += 100) {
    await Promise.all(names.slice(at, at + 100).map((name) => writeFile(join(folder, name), content)))
  }
  return folder
}
