import fc from 'fast-check'

/** A request as a client would build it before it signs: path and query encoded as clients do. */
export type GeneratedRequest = {
  readonly method: string
  /** Encoded, `/bucket/key`. */
  readonly path: string
  /** Encoded pairs, in any order. */
  readonly query: readonly (readonly [string, string])[]
  readonly headers: readonly (readonly [string, string])[]
}

export const HOST = 'localhost:9000'

/** Every byte but the unreserved ones, as SigV4 encodes. */
export function encoded(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}

const ODD = [
  ' ',
  '+',
  '%',
  '&',
  '=',
  '?',
  '#',
  '~',
  "'",
  '*',
  '(',
  '!',
  '$',
  'ü',
  '日',
  '😀',
  '\u{e000}',
  '%2F',
  '..',
  ';',
  '"',
  '\\',
  'a',
]
const oddText = fc
  .array(fc.oneof(fc.constantFrom(...ODD), fc.string({ unit: 'grapheme', maxLength: 4 })), { maxLength: 5 })
  .map((pieces) => pieces.join('').toWellFormed().replaceAll('\0', ''))
const segment = oddText.filter((text) => text !== '' && !text.includes('/'))
const path = fc
  .array(segment, { minLength: 1, maxLength: 4 })
  .map((names) => `/b/${names.map(encoded).join('/')}`)
const query = fc.uniqueArray(
  fc.tuple(
    oddText.filter((name) => name !== '' && name !== '__proto__'),
    oddText,
  ),
  { maxLength: 5, selector: ([name]) => name },
)

const value = fc.stringMatching(/^[!-~]([ -~\t]{0,20}[!-~])?$/)
const spaced = fc.tuple(value, fc.constantFrom(' ', '  ', '   '), value).map((pieces) => pieces.join(''))
const headerName = fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,8}$/).map((name) => `x-amz-meta-${name}`)
const other = fc.constantFrom(
  'content-type',
  'cache-control',
  'if-match',
  'range',
  'accept-encoding',
  'expires',
)
const headers = fc.array(fc.tuple(fc.oneof(headerName, other), fc.oneof(value, spaced, fc.constant(''))), {
  maxLength: 6,
})

/** Requests with odd keys, empty values, spaces, pluses, characters beyond the BMP. No header twice. */
export const plainRequests: fc.Arbitrary<GeneratedRequest> = fc.record({
  method: fc.constantFrom('GET', 'PUT', 'POST', 'DELETE', 'HEAD'),
  path,
  query: query.map((pairs) => pairs.map(([name, held]) => [encoded(name), encoded(held)] as const)),
  headers: headers.map((pairs) => [...new Map(pairs)]),
})

/** The same, some headers repeated. */
export const requests: fc.Arbitrary<GeneratedRequest> = fc
  .tuple(plainRequests, headers)
  .map(([request, more]) => ({ ...request, headers: [...request.headers, ...more] }))

/** The request target. */
export function targetOf({ path, query }: Pick<GeneratedRequest, 'path' | 'query'>): string {
  return query.length === 0 ? path : `${path}?${query.map((pair) => pair.join('=')).join('&')}`
}
