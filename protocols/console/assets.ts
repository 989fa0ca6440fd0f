import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import type { Answer } from './visit.ts'

/** The static files of the console, read once. */
export type Assets = {
  /** The address of a file; it changes with its content. */
  url(name: string): string
  answer(version: string, name: string): Answer | null
}

const TYPES: ReadonlyMap<string, string> = new Map([
  ['css', 'text/css; charset=utf-8'],
  ['js', 'text/javascript; charset=utf-8'],
  ['svg', 'image/svg+xml'],
])

/** Reads the folder `static`. Modules name each other, so that all share one version. */
export function readAssets(): Assets {
  const folder = new URL('./static/', import.meta.url)
  const files = new Map<string, { readonly type: string; readonly body: Buffer }>()
  const hash = createHash('sha256')
  for (const name of readdirSync(folder).sort()) {
    const type = TYPES.get(name.slice(name.lastIndexOf('.') + 1))
    if (type === undefined) continue
    const body = readFileSync(new URL(name, folder))
    hash.update(name).update(body)
    files.set(name, { type, body })
  }
  const current = hash.digest('hex').slice(0, 12)
  return {
    url: (name) => `/console/assets/${current}/${name}`,
    answer(version, name) {
      const file = version === current ? files.get(name) : undefined
      if (file === undefined) return null
      const headers = { 'Content-Type': file.type, 'Cache-Control': 'public, max-age=31536000, immutable' }
      return { status: 200, headers, body: file.body }
    },
  }
}
