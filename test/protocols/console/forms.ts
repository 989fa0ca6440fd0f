import type { Answer, Browser } from './client.ts'

export type Fields = Record<string, string[]>

/** What a browser would send of the form with this action if nobody touched it. Throws when there is none. */
export function formOf({ text }: Answer, action: string): Fields {
  const start = text.indexOf(`action="${action}"`)
  if (start === -1) throw new Error(`no form for ${action}`)
  const markup = text.slice(start, text.indexOf('</form>', start))
  const fields: Fields = {}
  const add = (name: string, value: string) => {
    fields[name] = [...(fields[name] ?? []), value]
  }
  for (const [tag] of markup.matchAll(/<input[^>]*>/g)) {
    const type = attribute(tag, 'type') ?? 'text'
    const name = attribute(tag, 'name')
    if (name === undefined || name === 'csrf') continue
    if (['checkbox', 'radio'].includes(type) && !/\schecked[\s>]/.test(tag)) continue
    add(name, attribute(tag, 'value') ?? (type === 'checkbox' ? 'on' : ''))
  }
  for (const [, head = '', body = ''] of markup.matchAll(/<select([^>]*)>([\s\S]*?)<\/select>/g)) {
    const options = [...body.matchAll(/<option[^>]*>/g)].map(([tag]) => tag)
    const chosen = options.find((tag) => /\sselected[\s>]/.test(tag)) ?? options[0] ?? ''
    add(attribute(head, 'name') ?? '', attribute(chosen, 'value') ?? '')
  }
  for (const [, head = '', body = ''] of markup.matchAll(/<textarea([^>]*)>([\s\S]*?)<\/textarea>/g)) {
    add(attribute(head, 'name') ?? '', plain(body))
  }
  return fields
}

/** Opens a page, changes some fields of one of its forms, and sends it. */
export async function fillIn(
  browser: Browser,
  page: string,
  action: string,
  changes: Readonly<Record<string, string | string[]>> = {},
): Promise<Answer> {
  const fields = formOf(await browser.get(page), action)
  return browser.post(action, { ...fields, ...changes })
}

function attribute(tag: string, name: string): string | undefined {
  const value = new RegExp(`\\s${name}="([^"]*)"`).exec(tag)?.[1]
  return value === undefined ? undefined : plain(value)
}

function plain(text: string): string {
  return text
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&amp;', '&')
}
