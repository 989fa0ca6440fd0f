import { Fault } from '#faults'
import { parsePath, segments, type VirtualPath } from '#permissions/path.ts'

const PREFIX = '/api/v1/files'

/**
 * The virtual path that an address below `/api/v1/files` names. Each segment is decoded once. Fault `invalid` for a
 * slash, NUL or dots in a segment, and for bad UTF-8.
 */
export function pathOfAddress(url: string): VirtualPath {
  const [address = ''] = url.split('?', 1)
  return parsePath(address.slice(PREFIX.length).split('/').map(decodeSegment).join('/'))
}

/** Where a file or folder is in the API. */
export function addressOf(path: VirtualPath): string {
  return `${PREFIX}/${segments(path).map(encodeURIComponent).join('/')}`
}

function decodeSegment(segment: string): string {
  try {
    // node gives the bytes of an address as Latin-1; those that a client did not escape are UTF-8 all the same.
    const escaped = segment.replace(/[^\0-\x7f]/g, (byte) => `%${byte.charCodeAt(0).toString(16)}`)
    const text = decodeURIComponent(escaped)
    if (!text.includes('/')) return text
  } catch (error) {
    throw new Fault('invalid', 'the path is not valid escaped UTF-8', { cause: error })
  }
  throw new Fault('invalid', 'a name holds a slash')
}
