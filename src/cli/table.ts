/** A column; one that is `whole` is never cut: what it holds is there to be copied. */
export type Column = { readonly title: string; readonly whole?: boolean }

const GAP = '  '
const NARROWEST = 6
const WIDE =
  /\p{Emoji_Presentation}|[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/u
const graphemes = new Intl.Segmenter()

/** Rows below titles, each line at most `width` wide where the `whole` columns allow it. */
export function formatTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  width: number,
): string {
  const cells = [columns.map(({ title }) => title), ...rows.map((row) => row.map(printable))]
  const wanted = columns.map((_, index) =>
    cells.reduce((widest, row) => Math.max(widest, textWidth(row[index] ?? '')), 0),
  )
  const widths = fitWidths(columns, wanted, width)
  const line = (row: readonly string[]) =>
    widths
      .map((cellWidth, index) => pad(cut(row[index] ?? '', cellWidth), cellWidth))
      .join(GAP)
      .trimEnd()
  return `${cells.map(line).join('\n')}\n`
}

/** Names and values below each other. */
export function formatFields(fields: readonly (readonly [string, string])[]): string {
  const width = Math.max(...fields.map(([name]) => textWidth(name)))
  return fields.map(([name, value]) => `  ${pad(name, width)}  ${printable(value)}\n`).join('')
}

// The widest column that may be cut gives way first, so that short ones stay readable.
function fitWidths(columns: readonly Column[], wanted: readonly number[], width: number): number[] {
  const widths = [...wanted]
  let excess = widths.reduce((sum, one) => sum + one, GAP.length * (widths.length - 1)) - width
  while (excess > 0) {
    const widest = widths.reduce(
      (best, one, index) =>
        !columns[index]?.whole && one > NARROWEST && one > (widths[best] ?? 0) ? index : best,
      -1,
    )
    if (widest === -1) break
    widths[widest] = (widths[widest] ?? 0) - 1
    excess -= 1
  }
  return widths
}

function cut(text: string, width: number): string {
  if (textWidth(text) <= width) return text
  let kept = ''
  let used = 0
  for (const { segment } of graphemes.segment(text)) {
    used += WIDE.test(segment) ? 2 : 1
    if (used > width - 1) break
    kept += segment
  }
  return `${kept}…`
}

function pad(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - textWidth(text)))
}

function textWidth(text: string): number {
  let width = 0
  for (const { segment } of graphemes.segment(text)) width += WIDE.test(segment) ? 2 : 1
  return width
}

// A name from the database cannot move the terminal's cursor or colour it.
function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, '�')
}
