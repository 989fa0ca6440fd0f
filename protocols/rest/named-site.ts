import type { FastifyRequest, RouteOptions } from 'fastify'
import { Type } from 'typebox'
import Value from 'typebox/value'
import { Fault } from '#faults'
import type { IdentityDeps } from '#identity/deps.ts'
import { listSites } from '#identity/sites.ts'
import { actorOf, aimAt } from './access.ts'

const SiteParameter = Type.Optional(
  Type.String({
    maxLength: 100,
    description:
      'Id or name of a child site, for administrators who log in with their own password; default: your own',
  }),
)
// Records that count their changes.
const COUNTED = /^\/api\/v1\/((users|groups|mounts|keys|sites)\/:id|settings)$/
const CreationHeaders = Type.Object({
  'idempotency-key': Type.Optional(
    Type.String({ maxLength: 255, description: 'The same request with the same key is done once' }),
  ),
})
const ChangeHeaders = Type.Object({
  'if-match': Type.Optional(
    Type.String({
      maxLength: 1000,
      description: 'ETag of what was read: 412 when somebody changed it since',
    }),
  ),
})
const SiteQuery = Type.Object({ site: Type.String() })

/** Lets every route of the API take `?site=`: hook `onRoute`, before routes are added. */
export function takeSite({ url, method, schema, config }: RouteOptions): void {
  if (schema === undefined || !url.startsWith('/api/v1/')) return
  const streams = config !== undefined && 'streams' in config
  if (method === 'POST' && !streams) schema.headers = CreationHeaders
  if ((method === 'PATCH' || method === 'DELETE') && COUNTED.test(url)) schema.headers = ChangeHeaders
  const { querystring } = schema
  const properties = Type.IsObject(querystring) ? querystring.properties : {}
  schema.querystring = Type.Object({ ...properties, site: SiteParameter }, { additionalProperties: false })
}

/**
 * Aims a request that names a site at it (REQUIREMENTS.md, U4). A site that the caller may not know of looks
 * as if it were not there. Fault: not_found.
 */
export async function readSite(identity: IdentityDeps, request: FastifyRequest): Promise<void> {
  if (!Value.Check(SiteQuery, request.query)) return
  const site = await siteNamed(identity, request, request.query.site)
  aimAt(request, site.id)
}

/** A site that the caller may know of, by id or name. Fault: not_found. */
export async function siteNamed(identity: IdentityDeps, request: FastifyRequest, text: string) {
  const { actor } = actorOf(request)
  const sites = await listSites(identity, actor)
  const site = sites.find(({ id }) => id === text) ?? sites.find(({ name }) => name === text)
  if (site === undefined) throw new Fault('not_found', 'no such site')
  return site
}
