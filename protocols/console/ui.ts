import { type Html, html, type Piece } from './html.ts'
import { icon } from './icons.ts'
import { token } from './layout.ts'
import { type PersonVisit, to } from './visit.ts'

const MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ')
const DAY_MS = 86_400_000

/** An instant in UTC; a script of ours shows it in the reader's own zone. */
export function time(at: number): Html {
  const date = new Date(at)
  const clock = date.toISOString().slice(11, 16)
  const text = `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]} ${date.getUTCFullYear()}, ${clock} UTC`
  return html`<time datetime="${date.toISOString()}">${text}</time>`
}

/** An instant, or a word for none. */
export function timeOr(at: number | null, none: string): Piece {
  return at === null ? html`<span class="soft">${none}</span>` : time(at)
}

/** How far away an instant is, roughly: `in 3 days`, `5 minutes ago`. */
export function distance(at: number, now: number): string {
  const span = Math.abs(at - now)
  const [count, unit] =
    span < 60_000
      ? [0, '']
      : span < 3_600_000
        ? [Math.round(span / 60_000), 'minute']
        : span < 2 * DAY_MS
          ? [Math.round(span / 3_600_000), 'hour']
          : [Math.round(span / DAY_MS), 'day']
  if (count === 0) return at > now ? 'in a moment' : 'just now'
  const text = `${count} ${unit}${count === 1 ? '' : 's'}`
  return at > now ? `in ${text}` : `${text} ago`
}

export function bytes(size: number): string {
  if (size < 1000) return `${size} B`
  const units = ['kB', 'MB', 'GB', 'TB', 'PB']
  let rest = size
  let unit = -1
  while (rest >= 1000 && unit < units.length - 1) {
    rest /= 1000
    unit += 1
  }
  return `${rest < 10 ? rest.toFixed(1) : Math.round(rest)} ${units[unit]}`
}

/** A small coloured word. */
export function tag(text: string, kind: 'good' | 'warn' | 'bad' | '' = ''): Html {
  return html`<span class="tag ${kind}">${text}</span>`
}

/** A form of one button, which changes something. */
export function action(
  visit: PersonVisit,
  path: string,
  label: Piece,
  options: {
    readonly kind?: 'danger' | 'plain' | ''
    readonly fields?: Piece
    readonly describe?: string
  } = {},
): Html {
  return html`<form method="post" action="${to(visit, path)}" class="inline">${token(visit)}${options.fields}<button type="submit" class="${options.kind ?? ''}"${options.describe && html` aria-label="${options.describe}"`}>${label}</button></form>`
}

/** A change that is asked about twice: the button opens what it means. */
export function careful(
  visit: PersonVisit,
  path: string,
  { label, means, confirm, fields }: { label: string; means: Piece; confirm: string; fields?: Piece },
): Html {
  return html`<details class="careful"><summary>${label}</summary><div><p>${means}</p><form method="post" action="${to(visit, path)}">${token(visit)}${fields}<button type="submit" class="danger">${confirm}</button></form></div></details>`
}

type Control = {
  readonly name: string
  readonly label: string
  readonly hint?: Piece
  readonly value?: string
  readonly type?: string
  /** Further attributes. */
  readonly more?: Piece
}

/** A labelled line of text. */
export function input({ name, label, hint, value = '', type = 'text', more }: Control): Html {
  const id = `f-${name}`
  return html`<div class="field"><label for="${id}">${label}</label><input id="${id}" name="${name}" type="${type}" value="${value}"${hint && html` aria-describedby="${id}-hint"`} ${more}>${hint && html`<p class="hint" id="${id}-hint">${hint}</p>`}</div>`
}

/** Several lines of text. */
export function textarea({ name, label, hint, value = '', more }: Control): Html {
  const id = `f-${name}`
  return html`<div class="field"><label for="${id}">${label}</label><textarea id="${id}" name="${name}" rows="3"${hint && html` aria-describedby="${id}-hint"`} ${more}>${value}</textarea>${hint && html`<p class="hint" id="${id}-hint">${hint}</p>`}</div>`
}

/** One of several. */
export function select(
  { name, label, hint, value = '', more }: Control,
  options: readonly (readonly [value: string, label: string])[],
): Html {
  const id = `f-${name}`
  const choices = options.map(
    ([one, text]) => html`<option value="${one}"${one === value && html` selected`}>${text}</option>`,
  )
  return html`<div class="field"><label for="${id}">${label}</label><select id="${id}" name="${name}"${hint && html` aria-describedby="${id}-hint"`} ${more}>${choices}</select>${hint && html`<p class="hint" id="${id}-hint">${hint}</p>`}</div>`
}

/** A tick or a choice, with its sentence. */
export function check(
  type: 'checkbox' | 'radio',
  name: string,
  value: string,
  options: { readonly label: Piece; readonly about?: Piece; readonly on?: boolean; readonly more?: Piece },
): Html {
  return html`<label class="check"><input type="${type}" name="${name}" value="${value}"${options.on && html` checked`} ${options.more}><span><b>${options.label}</b>${options.about && html`<span class="hint">${options.about}</span>`}</span></label>`
}

/** A form with its token, its fields and one button. */
export function form(
  visit: PersonVisit,
  path: string,
  body: Piece,
  button: string,
  options: { readonly className?: string; readonly cancel?: string } = {},
): Html {
  return html`<form method="post" action="${to(visit, path)}" class="${options.className ?? 'stack'}">${token(visit)}${body}<p class="row"><button type="submit">${button}</button>${options.cancel && html`<a href="${to(visit, options.cancel)}">Cancel</a>`}</p></form>`
}

/** A table that a phone shows as cards: each cell knows its heading. */
export function table(
  caption: string,
  heads: readonly string[],
  rows: readonly (readonly Piece[])[],
  none = 'There is nothing yet.',
): Html {
  if (rows.length === 0) return html`<p class="empty">${none}</p>`
  const lines = rows.map(
    (cells) =>
      html`<tr>${cells.map((cell, index) => html`<td data-head="${heads[index] ?? ''}">${cell}</td>`)}</tr>\n`,
  )
  return html`<div class="sheet"><table><caption class="unseen">${caption}</caption><thead><tr>${heads.map((head) => (head === '' ? html`<th scope="col"><span class="unseen">Actions</span></th>` : html`<th scope="col">${head}</th>`))}</tr></thead><tbody>
${lines}</tbody></table></div>`
}

/** A part of a page with its heading. */
export function card(
  title: string,
  body: Piece,
  options: { readonly actions?: Piece; readonly id?: string } = {},
): Html {
  const id = options.id ?? `h-${title.toLowerCase().replace(/[^a-z0-9]+/g, '-')}`
  return html`<section class="card" aria-labelledby="${id}"><div class="cardhead"><h2 id="${id}">${title}</h2>${options.actions}</div>${body}</section>`
}

/** Names and values. */
export function facts(pairs: readonly (readonly [name: string, value: Piece])[]): Html {
  return html`<dl class="facts">${pairs.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`
}

/** What went wrong with what was sent. */
export function alert(message: string | null): Piece {
  if (message === null) return null
  return html`<p class="note bad" role="alert">${icon('warning')}${message}</p>`
}

/** A link to the next page of a list. */
export function more(visit: PersonVisit, path: string, query: URLSearchParams, next: string | null): Piece {
  if (next === null) return null
  const further = new URLSearchParams(query)
  further.delete('done')
  further.set('after', next)
  return html`<p class="row"><a class="button quiet" href="${to(visit, path)}?${further.toString()}">Show more</a></p>`
}
