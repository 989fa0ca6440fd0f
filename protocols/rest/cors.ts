import type { App } from './app.ts'

const METHODS = 'GET, HEAD, POST, PUT, PATCH, DELETE'
const EXPOSED = [
  ...['ETag', 'Location', 'Link', 'Retry-After', 'X-Request-Id', 'RateLimit', 'RateLimit-Policy'],
  ...['Accept-Ranges', 'Content-Range', 'Content-Disposition', 'Last-Modified', 'Idempotency-Replayed'],
  ...['Tus-Resumable', 'Tus-Version', 'Tus-Extension', 'Tus-Max-Size', 'Tus-Checksum-Algorithm'],
  ...['Upload-Offset', 'Upload-Length', 'Upload-Expires', 'Upload-Metadata'],
].join(', ')
const PREFLIGHT_SECONDS = '600'

/**
 * Lets pages of these origins use the API with a key that they hold (fetch standard, CORS protocol). Never with
 * cookies: no answer says `Access-Control-Allow-Credentials`. Without origins no answer says anything.
 */
export function allowOrigins(app: App, origins: readonly string[]): void {
  if (origins.length === 0) return
  const allowed = new Set(origins)
  app.addHook('onRequest', async (request, reply) => {
    if (!request.url.startsWith('/api/')) return
    reply.header('Vary', 'Origin')
    const { origin } = request.headers
    if (origin === undefined || !(allowed.has(origin) || allowed.has('*'))) return
    reply.headers({ 'Access-Control-Allow-Origin': origin, 'Access-Control-Expose-Headers': EXPOSED })
    if (request.method !== 'OPTIONS' || request.headers['access-control-request-method'] === undefined) return
    reply.headers({
      'Access-Control-Allow-Methods': METHODS,
      'Access-Control-Allow-Headers': request.headers['access-control-request-headers'] ?? '',
      'Access-Control-Max-Age': PREFLIGHT_SECONDS,
    })
    return reply.code(204).send()
  })
}
