import { Readable } from 'node:stream'
import { type Static, Type } from 'typebox'
import type { AuditRecord } from '#audit/ports.ts'
import { Fault } from '#faults'
import {
  AUDIT_CSV_HEAD,
  type AuditQuestion,
  auditCsvLine,
  auditJson,
  auditLine,
  exportAudit,
  listAudit,
} from '#identity/audit.ts'
import type { IdentityDeps } from '#identity/deps.ts'
import { parseInstant } from '#identity/times.ts'
import { actorOf, sessionOf } from '../access.ts'
import type { App } from '../app.ts'
import {
  AuditExportQuerySchema,
  type AuditFilterSchema,
  AuditPageQuerySchema,
  AuditPageSchema,
} from '../audit-schemas.ts'
import { SECURITY } from '../openapi.ts'
import { readPage } from '../paging.ts'
import { REFUSALS } from '../schemas.ts'

const COMMON = { tags: ['audit'], security: SECURITY }
const LINES = 'application/x-ndjson'
const CSV = 'text/csv; charset=utf-8'

/** `/api/v1/audit`: what was done in the presented key's site, for its administrators (REQUIREMENTS.md, R3). */
export function addAuditRoutes(app: App, identity: IdentityDeps): void {
  const list = {
    ...COMMON,
    summary: 'What was done, the newest first, in pages',
    querystring: AuditPageQuerySchema,
    response: { 200: AuditPageSchema, ...REFUSALS },
  }
  app.get('/api/v1/audit', { schema: list }, async (request) => {
    const { actor, siteId } = actorOf(request)
    const { limit, cursor, ...filter } = request.query
    const page = await readPage({ limit, cursor }, async ({ after, limit }) => {
      const place = after === undefined ? null : { at: after.createdAt, sequence: Number(after.id) }
      const found = await listAudit(identity, actor, siteId, questionOf(filter), { limit, after: place })
      return found.map((entry) => ({ createdAt: entry.at, id: String(entry.sequence), entry }))
    })
    return { entries: page.items.map(({ entry }) => auditJson(entry)), next_cursor: page.next }
  })
  addExport(app, identity)
}

function addExport(app: App, identity: IdentityDeps): void {
  const schema = {
    ...COMMON,
    summary: 'All entries as JSON lines or CSV, the oldest first, each with its place in the hash chain',
    querystring: AuditExportQuerySchema,
    response: {
      200: {
        description: 'One entry a line',
        content: { [LINES]: { schema: Type.Unsafe<Readable>(Type.String()) } },
      },
      ...REFUSALS,
    },
  }
  app.get('/api/v1/audit/export', { schema }, async (request, reply) => {
    const { actor, siteId } = actorOf(request)
    const { format = 'ndjson', ...filter } = request.query
    const pages = await exportAudit(identity, actor, siteId, questionOf(filter))
    const { signal } = sessionOf(request)
    // A revoked key gets no more: the answer breaks off.
    const text = format === 'csv' ? lines(pages, auditCsvLine, AUDIT_CSV_HEAD) : lines(pages, auditLine, '')
    return reply.type(format === 'csv' ? CSV : LINES).send(Readable.from(text, { signal }))
  })
}

async function* lines(
  pages: AsyncIterable<readonly AuditRecord[]>,
  lineOf: (entry: AuditRecord) => string,
  head: string,
): AsyncIterable<string> {
  if (head !== '') yield head
  for await (const page of pages) yield page.map(lineOf).join('')
}

function questionOf({ from, until, ...filter }: Static<typeof AuditFilterSchema>): AuditQuestion {
  return { ...filter, from: readTime('from', from), until: readTime('until', until) }
}

function readTime(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const at = parseInstant(text)
  if (at === null) throw new Fault('invalid', `${name} is an ISO 8601 date, or a time with a time zone`)
  return at
}
