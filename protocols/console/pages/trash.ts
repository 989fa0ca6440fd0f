import type { TrashEntry } from '#files/types.ts'
import { parentOf } from '#permissions/path.ts'
import { href } from '../file-links.ts'
import { html, type Piece } from '../html.ts'
import { icon } from '../icons.ts'
import { page } from '../layout.ts'
import type { Route } from '../route.ts'
import { action, bytes, careful, more, table, time } from '../ui.ts'
import { type Answer, type PersonVisit, param, redirect } from '../visit.ts'

const PAGE = 200

/** What was deleted and can be put back (REQUIREMENTS.md, F3). */
export const TRASH_ROUTES: readonly Route[] = [
  { method: 'GET', path: '/trash', rule: 'person', ownSite: true, handle: trashPage },
  { method: 'POST', path: '/trash/:id/restore', rule: 'person', ownSite: true, handle: restore },
  { method: 'POST', path: '/trash/:id/purge', rule: 'person', ownSite: true, handle: purge },
]

async function trashPage(visit: PersonVisit): Promise<Answer> {
  const after = visit.query.get('after') ?? undefined
  const { trash } = visit.session.files
  const { entries, next } = await trash.list({ limit: PAGE, ...(after !== undefined && { after }) })
  const rows = entries.map((entry) => rowOf(visit, entry))
  const body = html`<nav class="crumbs" aria-label="Where you are"><ol><li><a href="/console/files">Files</a></li><li aria-current="page">Trash</li></ol></nav>
${table('What was deleted', ['Was at', 'Size', 'Deleted', 'By', ''], rows, 'Nothing here. Storages that keep deleted files show them on this page.')}
${more(visit, '/trash', visit.query, next)}`
  return page(visit, { title: 'Trash', part: 'Files', body })
}

function rowOf(visit: PersonVisit, { id, path, kind, size, deletedAt, user, key }: TrashEntry): Piece[] {
  const isFolder = kind === 'folder'
  const by = [user?.name, key === null ? undefined : `key ${key.name}`].filter((name) => name !== undefined)
  return [
    html`<span class="entry">${icon(isFolder ? 'folder' : 'file')}<span>${path}</span></span>`,
    isFolder ? html`<span class="soft">folder</span>` : html`<span class="nowrap">${bytes(size)}</span>`,
    html`<span class="nowrap">${time(deletedAt)}</span>`,
    by.join(', '),
    html`<div class="row">${action(visit, `/trash/${id}/restore`, 'Restore', { describe: `Restore ${path}` })}${careful(visit, `/trash/${id}/purge`, { label: 'Delete for good', means: `Nobody can bring ${path} back then.`, confirm: 'Delete for good' })}</div>`,
  ]
}

async function restore(visit: PersonVisit): Promise<Answer> {
  const { path } = await visit.session.files.trash.restore(param(visit, 'id'))
  return redirect(href('files', parentOf(path)), 'restored')
}

async function purge(visit: PersonVisit): Promise<Answer> {
  await visit.session.files.trash.purge(param(visit, 'id'))
  return redirect('/console/trash', 'purged')
}
