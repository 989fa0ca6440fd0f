import type { AuditPlace, LiveSession } from '#audit/ports.ts'
import { Fault } from '#faults'
import type { Files, TrashEntry } from '#files/types.ts'
import type { AuditQuestion, ShownEntry } from '#identity/audit.ts'
import type { LiveSessionPlace } from '#identity/live-sessions.ts'
import { isoTime } from '#identity/times.ts'
import { baseName, parsePath } from '#permissions/path.ts'
import { AuditPageSchema, LiveSessionPageSchema } from '#protocols/rest/audit-schemas.ts'
import { PurgedSchema, RestoredSchema, TrashPageSchema } from '#protocols/rest/trash-schemas.ts'
import type { Connection } from './connection.ts'
import { auditOf, sessionOf } from './read.ts'

export function listLiveSessions(
  api: Connection,
  site: string,
  { limit, after }: { readonly limit: number; readonly after: LiveSessionPlace | null },
): Promise<LiveSession[]> {
  return api.page(
    {
      idOf: ({ id }) => id,
      async read(query) {
        const page = await api.json(LiveSessionPageSchema, '/api/v1/sessions', { site, query })
        return { items: page.sessions.map((session) => sessionOf(site, session)), next: page.next_cursor }
      },
    },
    { after: after?.id, limit },
  )
}

export async function endLiveSession(api: Connection, site: string, id: string) {
  await api.done(`/api/v1/sessions/${encodeURIComponent(id)}`, { method: 'DELETE', site })
  return { id }
}

export function listAudit(
  api: Connection,
  siteId: string | null,
  question: AuditQuestion,
  { limit, after }: { readonly limit: number; readonly after: AuditPlace | null },
): Promise<ShownEntry[]> {
  const site = oneSite(siteId)
  return api.page(
    {
      idOf: ({ sequence }) => `audit ${sequence}`,
      async read(query) {
        const all = { ...query, ...questionQuery(question) }
        const page = await api.json(AuditPageSchema, '/api/v1/audit', { site, query: all })
        return { items: page.entries.map(auditOf), next: page.next_cursor }
      },
    },
    { after: after === null ? undefined : `audit ${after.sequence}`, limit },
  )
}

export async function* auditLines(
  api: Connection,
  siteId: string | null,
  question: AuditQuestion,
): AsyncGenerator<string> {
  const call = { site: oneSite(siteId), query: questionQuery(question) }
  for await (const line of api.lines('/api/v1/audit/export', call)) yield `${line}\n`
}

function oneSite(siteId: string | null): string {
  if (siteId !== null) return siteId
  throw new Fault('invalid', '--all-sites is for the server’s own machine only')
}

function questionQuery({ from, until, ...rest }: AuditQuestion) {
  const time = (at: number | undefined) => (at === undefined ? undefined : (isoTime(at) ?? undefined))
  return { ...rest, from: time(from), until: time(until) }
}

/** The trash of a site, and what goes past it. */
export function filesOf(api: Connection, site: string): Pick<Files, 'purge' | 'trash'> {
  const trash = '/api/v1/trash'
  return {
    async purge(path, options) {
      await api.done('/api/v1/files/purge', { method: 'POST', site, body: { path, tree: options?.tree } })
    },
    trash: {
      async list({ folder, limit, after } = {}) {
        const page = await api.json(TrashPageSchema, trash, { site, query: { folder, limit, cursor: after } })
        return { entries: page.entries.map(entryOf), next: page.next_cursor }
      },
      async restore(id, options) {
        const body = { to: options?.to, overwrite: options?.overwrite }
        const address = `${trash}/${encodeURIComponent(id)}/restore`
        const { path, size, kind } = await api.json(RestoredSchema, address, { method: 'POST', site, body })
        const at = parsePath(path)
        const about = { modified: 0, created: 0, version: '' }
        return { path: at, name: baseName(at), kind: kindOf(kind), size, ...about }
      },
      async purge(id) {
        await api.done(`${trash}/${encodeURIComponent(id)}`, { method: 'DELETE', site })
      },
      async purgeAll(folder) {
        const call = { method: 'DELETE', site, query: { folder } } as const
        return (await api.json(PurgedSchema, trash, call)).purged
      },
    },
  }
}

type EntryJson = {
  readonly id: string
  readonly path: string
  readonly kind: string
  readonly size: number
  readonly deleted_at: string
  readonly user: TrashEntry['user']
  readonly key: TrashEntry['key']
}

function entryOf({ id, path, kind, size, deleted_at, user, key }: EntryJson): TrashEntry {
  const at = parsePath(path)
  const about = { deletedAt: Date.parse(deleted_at), user, key }
  return { id, path: at, name: baseName(at), kind: kindOf(kind), size, ...about }
}

function kindOf(kind: string): 'file' | 'folder' {
  return kind === 'folder' ? 'folder' : 'file'
}
