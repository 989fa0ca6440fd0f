import { readdir, readFile } from 'node:fs/promises'
import { dirname, join, posix, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

export const PROJECT = join(dirname(fileURLToPath(import.meta.url)), '..')

/** One import: file and target relative to the project (`src/files/types.ts`), or a package's name. */
export type Import = { readonly file: string; readonly target: string }

const IMPORT =
  /(?:^|\n)\s*(?:import|export)\s[^'"]*?from\s*['"]([^'"]+)['"]|(?:^|[^.\w])import\(\s*['"]([^'"]+)['"]\s*\)|(?:^|\n)\s*import\s*['"]([^'"]+)['"]/g

/** Every import of a source text, resolved as `package.json` and Node do. */
export function importsOf(file: string, text: string): Import[] {
  return [...text.matchAll(IMPORT)].map((match) => ({
    file,
    target: resolveTarget(file, match[1] ?? match[2] ?? match[3] ?? ''),
  }))
}

function resolveTarget(file: string, specifier: string): string {
  if (specifier === '#faults') return 'src/faults.ts'
  if (specifier.startsWith('#protocols/') || specifier.startsWith('#test/')) return specifier.slice(1)
  if (specifier.startsWith('#')) return `src/${specifier.slice(1)}`
  if (specifier.startsWith('.')) return posix.normalize(posix.join(posix.dirname(file), specifier))
  return specifier
}

/** Imports of all TypeScript files below the named folders. */
export async function readImports(folders: readonly string[]): Promise<Import[]> {
  const found: Import[] = []
  for (const folder of folders) {
    for (const entry of await readdir(join(PROJECT, folder), { recursive: true, withFileTypes: true })) {
      if (!entry.isFile() || !entry.name.endsWith('.ts')) continue
      const path = join(entry.parentPath, entry.name)
      found.push(...importsOf(relative(PROJECT, path), await readFile(path, 'utf8')))
    }
  }
  return found
}
