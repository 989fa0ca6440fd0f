import type { App } from '../app.ts'
import { readApi } from '../described.ts'
import { DOCS_HEADERS, docsPage } from '../docs-page.ts'

/** `GET /api/docs`: the API for people. */
export function addDocsRoute(app: App): void {
  let page: string | undefined
  app.get('/api/docs', { schema: { hide: true } }, async (_request, reply) => {
    page ??= docsPage(readApi(app.swagger()))
    return reply.headers(DOCS_HEADERS).send(page)
  })
}
