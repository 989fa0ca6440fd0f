import { randomBytes } from 'node:crypto'
import { mkdir, open, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { run } from './run.ts'

const ODD = [
  'plain',
  'with space',
  'ünïcødé-日本',
  'hash#percent%20',
  'what?&amp=',
  "quote'and(paren)",
  '+plus~tilde',
  '🗝️ key',
]

/** Makes `folder` with 200 small files of odd names in nested folders. */
export async function makeSmallFiles(folder: string, count = 200): Promise<void> {
  for (let i = 0; i < count; i++) {
    const odd = ODD[i % ODD.length] ?? ''
    const file = join(folder, `dir ${i % 5}`, i % 2 === 0 ? '.' : `sub #${i % 3}`, `${odd} ${i}.txt`)
    await mkdir(dirname(file), { recursive: true })
    await writeFile(file, randomBytes((i * 37) % 5_000))
  }
}

/** Makes a file of random bytes; size in MiB. */
export async function makeBigFile(file: string, mebibytes: number): Promise<void> {
  await using handle = await open(file, 'w')
  for (let i = 0; i < mebibytes; i++) await handle.write(randomBytes(1 << 20))
}

/** Makes a file of zeros that takes no room; size in bytes. */
export async function makeSparseFile(file: string, bytes: number): Promise<void> {
  await using handle = await open(file, 'w')
  await handle.truncate(bytes)
}

/** What `diff -r` says of two trees; empty when they are identical. */
export async function difference(a: string, b: string): Promise<string> {
  const { stdout, stderr } = await run('diff', ['-r', a, b])
  return stdout + stderr
}
