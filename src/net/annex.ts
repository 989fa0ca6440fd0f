import type { HttpHandler } from './http-server.ts'

/** Answers what comes in under one path of another door's listener. */
export type Annex = {
  /** Such as `/console`: the path itself, and all below it. */
  readonly prefix: string
  readonly handle: HttpHandler
}

/** The handler, with the paths of annexes taken out. */
export function withAnnexes(handler: HttpHandler, annexes: readonly Annex[] = []): HttpHandler {
  if (annexes.length === 0) return handler
  return (exchange) => {
    const path = (exchange.request.url ?? '').replace(/[?#].*$/s, '')
    const annex = annexes.find(({ prefix }) => path === prefix || path.startsWith(`${prefix}/`))
    return (annex?.handle ?? handler)(exchange)
  }
}
