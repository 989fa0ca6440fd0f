import type { ByteSpan } from './pump.ts'

/** `whole`: there is no range to honour; answer 200. `none`: answer 416. */
export type RangeResult =
  | { readonly kind: 'whole' }
  | { readonly kind: 'spans'; readonly spans: readonly [ByteSpan, ...ByteSpan[]] }
  | { readonly kind: 'none' }

const WHOLE: RangeResult = { kind: 'whole' }
const MAX_RANGES = 32

/**
 * Reads a Range header (RFC 9110 §14.2) for `size` bytes. One that is malformed, of another unit, has more than 32
 * ranges, or asks for more bytes than there are, is ignored as the RFC allows.
 */
export function parseRanges(header: string | undefined, size: number): RangeResult {
  if (header === undefined) return WHOLE
  const set = /^bytes=([0-9\-,\s]+)$/i.exec(header)?.[1]?.split(',', MAX_RANGES + 1)
  if (set === undefined || set.length > MAX_RANGES) return WHOLE
  const spans: ByteSpan[] = []
  let asked = 0
  for (const item of set) {
    const text = item.trim()
    if (text === '') continue
    const span = parseSpan(text, size)
    if (span === 'malformed') return WHOLE
    if (span === null) continue
    spans.push(span)
    asked += span.end - span.start
  }
  const [first, ...rest] = spans
  if (first === undefined) return set.every((item) => item.trim() === '') ? WHOLE : { kind: 'none' }
  return asked > size ? WHOLE : { kind: 'spans', spans: [first, ...rest] }
}

function parseSpan(text: string, size: number): ByteSpan | null | 'malformed' {
  const match = /^(\d*)-(\d*)$/.exec(text)
  const [, from = '', to = ''] = match ?? []
  if (match === null || (from === '' && to === '')) return 'malformed'
  if (from === '') {
    const length = Math.min(Number(to), size)
    return length === 0 ? null : { start: size - length, end: size }
  }
  const start = Number(from)
  const end = to === '' ? size : Math.min(Number(to) + 1, size)
  if (to !== '' && Number(to) < start) return 'malformed'
  return start >= size ? null : { start, end }
}

/** `bytes 2-4/10` */
export function contentRange({ start, end }: ByteSpan, size: number): string {
  return `bytes ${start}-${end - 1}/${size}`
}
