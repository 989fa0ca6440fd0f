import { Fault } from '#faults'
import { parsePath, ROOT, segments, type VirtualPath } from '#permissions/path.ts'

/**
 * The virtual path of a request target (RFC 9112 §3.2, origin or absolute form; `*` is the root). Each segment is
 * decoded once. Fault `invalid` for a slash, NUL or dots in a segment, a fragment, and bad UTF-8.
 */
export function pathOfTarget(target: string): VirtualPath {
  if (target === '*') return ROOT
  return decodePath(target.replace(/^https?:\/\/[^/?#]*/i, ''))
}

/**
 * The virtual path that a Destination header or the tag of an If header names: a URL on this host, or a path.
 * `elsewhere` when it is on another host. Faults as `pathOfTarget`.
 */
export function pathOfReference(reference: string, host: string): VirtualPath | 'elsewhere' {
  const url = /^https?:\/\/([^/?#]*)(.*)$/is.exec(reference)
  if (url === null) return decodePath(reference)
  const [, authority = '', path = ''] = url
  return sameHost(authority, host) ? decodePath(path) : 'elsewhere'
}

// The scheme is not compared: behind a proxy that ends TLS the client's is https and ours http.
function sameHost(authority: string, host: string): boolean {
  return plainHost(authority) === plainHost(host)
}

function plainHost(authority: string): string {
  return authority
    .slice(authority.lastIndexOf('@') + 1)
    .toLowerCase()
    .replace(/:(80|443)?$/, '')
}

function decodePath(raw: string): VirtualPath {
  const query = raw.indexOf('?')
  const path = query < 0 ? raw : raw.slice(0, query)
  if (path !== '' && !path.startsWith('/')) throw new Fault('invalid', 'path is not absolute')
  if (path.includes('#')) throw new Fault('invalid', 'path has a fragment')
  return parsePath(path.split('/').map(decodeSegment).join('/'))
}

function decodeSegment(segment: string): string {
  if (/^[!-$&-~]*$/.test(segment)) return segment
  try {
    // node gives header bytes as Latin-1; bytes that a client did not escape are UTF-8 all the same.
    const escaped = segment.replace(/[^\0-\x7f]/g, (byte) => `%${byte.charCodeAt(0).toString(16)}`)
    const text = decodeURIComponent(escaped)
    if (!text.includes('/')) return text
  } catch (error) {
    throw new Fault('invalid', 'path is not valid escaped UTF-8', { cause: error })
  }
  throw new Fault('invalid', 'a name holds a slash')
}

/** The href of a path: absolute, escaped canonically, with a slash behind a folder. */
export function hrefOf(path: VirtualPath, folder: boolean): string {
  if (path === ROOT) return '/'
  return `/${segments(path).map(escapeSegment).join('/')}${folder ? '/' : ''}`
}

/** One name as hrefs hold it: what RFC 3986 lets stand in a segment stays, but for `;`. */
export function escapeSegment(name: string): string {
  if (/^[\w.~-]*$/.test(name)) return name
  return encodeURIComponent(name).replace(/%(?:24|26|2B|2C|3A|3D|40)/g, decodeURIComponent)
}
