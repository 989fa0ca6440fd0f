import type { Answer, PersonVisit, Visit } from './visit.ts'

/**
 * Who may use a route: `person`: everybody who is logged in; `keys`: administrators, and others where they may
 * see to their own keys; `administrator`. The use cases behind it ask again.
 */
export type Rule = 'person' | 'keys' | 'administrator'

type Place = {
  readonly method: 'GET' | 'POST' | 'PUT'
  /** Segments; `:name` takes one, `*` at the end takes the rest. */
  readonly path: string
}

/** An address of the console. Null: the handler has answered by itself. */
export type Route = Place &
  (
    | { readonly rule: 'public'; handle(visit: Visit): Promise<Answer | null> }
    | {
        readonly rule: Rule
        /** About the person's own site only: what it shows has no meaning at one below. */
        readonly ownSite?: boolean
        handle(visit: PersonVisit): Promise<Answer | null>
      }
  )

export type Match = { readonly route: Route; readonly params: ReadonlyMap<string, string> }

/** The route of a path below `/console`. `path`: another method would do. */
export function findRoute(routes: readonly Route[], method: string, path: string): Match | 'method' | 'path' {
  let found: 'method' | 'path' = 'path'
  for (const route of routes) {
    const params = matchPath(route.path, path)
    if (params === null) continue
    if (route.method === method || (route.method === 'GET' && method === 'HEAD')) return { route, params }
    found = 'method'
  }
  return found
}

function matchPath(pattern: string, path: string): ReadonlyMap<string, string> | null {
  const wanted = pattern.split('/').slice(1)
  const given = path.split('/').slice(1)
  const params = new Map<string, string>()
  for (const [index, segment] of wanted.entries()) {
    if (segment === '*') {
      const rest = decode(given.slice(index).join('/'))
      return rest === null ? null : params.set('*', rest)
    }
    const text = given[index]
    if (text === undefined) return null
    if (!segment.startsWith(':')) {
      if (segment !== text) return null
      continue
    }
    const value = decode(text)
    if (value === null || value === '') return null
    params.set(segment.slice(1), value)
  }
  return given.length === wanted.length ? params : null
}

function decode(text: string): string | null {
  try {
    return decodeURIComponent(text)
  } catch {
    return null
  }
}
