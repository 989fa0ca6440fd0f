/** Headers that carry a key's value bare (REQUIREMENTS.md, D3). */
const BARE_HEADERS = ['x-custom-auth-key', 'x-filesapi-key', 'xf-api-key'] as const

/** What a request presents. `several`: its headers contradict each other. */
export type Presented =
  | { readonly kind: 'value'; readonly value: string }
  /** Basic: a user's own name and password, or a key's login and value. */
  | { readonly kind: 'login'; readonly login: string; readonly password: string }
  | { readonly kind: 'none' }
  | { readonly kind: 'several' }

/** Reads all headers of D3. The same value in several of them is one key, and goes before Basic. */
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
  if (value === undefined) return basicLogin(headers.authorization ?? []) ?? { kind: 'none' }
  return values.size === 1 ? { kind: 'value', value } : { kind: 'several' }
}

/** RFC 7617. The name ends at the first colon. */
function basicLogin(lines: readonly string[]): Presented | null {
  const encoded = lines.map((line) => /^Basic +([0-9A-Za-z+/]+=*) *$/i.exec(line)?.[1]).find(Boolean)
  const [, login, password] = /^([^:]*):(.*)$/s.exec(Buffer.from(encoded ?? '', 'base64').toString()) ?? []
  return login === undefined || password === undefined ? null : { kind: 'login', login, password }
}
