const TEXT = Symbol('html')

/** Markup that is safe to send: only `html` and `trusted` make it. */
export type Html = { readonly [TEXT]: string }

/** What a template takes: text is escaped, markup stays, lists are joined, nothing is nothing. */
export type Piece = string | number | Html | null | undefined | false | readonly Piece[]

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['&', '&amp;'],
  ['<', '&lt;'],
  ['>', '&gt;'],
  ['"', '&quot;'],
  ["'", '&#39;'],
])

/** Escapes for text and for quoted attributes. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ESCAPES.get(character) ?? '')
}

/** A template whose values are escaped. Attributes have to be quoted. */
export function html(strings: TemplateStringsArray, ...pieces: readonly Piece[]): Html {
  let text = strings[0] ?? ''
  pieces.forEach((piece, index) => {
    text += textOf(piece) + (strings[index + 1] ?? '')
  })
  return { [TEXT]: text }
}

/** Markup that somebody else made sure of. */
export function trusted(markup: string): Html {
  return { [TEXT]: markup }
}

/** The markup as text. */
export function markupOf(markup: Html): string {
  return markup[TEXT]
}

function textOf(piece: Piece): string {
  if (piece === null || piece === undefined || piece === false) return ''
  if (typeof piece === 'string') return escapeHtml(piece)
  if (typeof piece === 'number') return String(piece)
  if (isList(piece)) return piece.map(textOf).join('')
  return piece[TEXT]
}

function isList(piece: Html | readonly Piece[]): piece is readonly Piece[] {
  return Array.isArray(piece)
}
