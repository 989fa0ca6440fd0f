/** Headers that carry a key's value bare (REQUIREMENTS.md, D3). */
const BARE_HEADERS = ['x-custom-auth-key', 'x-filesapi-key', 'xf-api-key'] as const

/** The key that a request presents. `several`: its headers contradict each other. */
export type Presented =
  | { readonly kind: 'value'; readonly value: string }
  | { readonly kind: 'none' }
  | { readonly kind: 'several' }

/** Reads all headers of D3. The same value in several of them is one key. */
export function presentedKey(headers: NodeJS.Dict<string[]>): Presented {
  const values = new Set<string>()
  for (const line of headers.authorization ?? []) {
    const value = /^(?:Bearer|ApiKey) +(\S+) *$/i.exec(line)?.[1]
    if (value !== undefined) values.add(value)
  }
  for (const name of BARE_HEADERS) {
    for (const line of headers[name] ?? []) if (line.trim() !== '') values.add(line.trim())
  }
  const [value] = values
  if (value === undefined) return { kind: 'none' }
  return values.size === 1 ? { kind: 'value', value } : { kind: 'several' }
}
