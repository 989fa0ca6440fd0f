import { segments, type VirtualPath } from '#permissions/path.ts'

/** An address for a path: each name is encoded by itself. */
export function href(kind: 'files' | 'download', path: VirtualPath): string {
  return ['/console', kind, ...segments(path).map(encodeURIComponent)].join('/')
}
