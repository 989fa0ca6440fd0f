import type { AuditPlace, AuditRecord } from '#audit/ports.ts'
import { toFault } from '#faults'
import { listAudit } from '#identity/audit.ts'
import { html, type Piece } from '../html.ts'
import { page } from '../layout.ts'
import type { Route } from '../route.ts'
import { reasonWords } from '../sentences.ts'
import { alert, input, more, select, table, tag, time } from '../ui.ts'
import { type Answer, type PersonVisit, to } from '../visit.ts'

const PAGE = 100

export const AUDIT_ROUTES: readonly Route[] = [
  { method: 'GET', path: '/audit', rule: 'administrator', handle: search },
]

async function search(visit: PersonVisit): Promise<Answer> {
  const { query } = visit
  const { entries, problem } = await find(visit)
  const last = entries.at(-1)
  const next = entries.length < PAGE || last === undefined ? null : `${last.at}-${last.sequence}`
  const value = (name: string) => query.get(name) ?? ''
  const body = html`${alert(problem)}<form class="filter" method="get" action="${to(visit, '/audit')}" role="search">
${input({ name: 'user', label: 'User', value: value('user') })}
${input({ name: 'key', label: 'Key', value: value('key'), more: html`placeholder="id or name"` })}
${input({ name: 'path', label: 'Path and below', value: value('path'), more: html`spellcheck="false"` })}
${input({ name: 'address', label: 'Address', value: value('address') })}
${input({ name: 'action', label: 'Action', value: value('action'), more: html`placeholder="login, file.write …"` })}
${select({ name: 'door', label: 'Door', value: value('door') }, [
  ['', 'All'],
  ['webdav', 'WebDAV'],
  ['sftp', 'SFTP'],
  ['ftp', 'FTP'],
  ['s3', 'S3'],
  ['rest', 'REST and console'],
  ['command_line', 'Command line'],
])}
${select({ name: 'outcome', label: 'Outcome', value: value('outcome') }, [
  ['', 'All'],
  ['ok', 'Done'],
  ['refused', 'Refused'],
])}
${input({ name: 'from', label: 'From (UTC)', type: 'date', value: value('from') })}
${input({ name: 'until', label: 'Until (UTC)', type: 'date', value: value('until') })}
<button type="submit" class="quiet">Search</button></form>
${table('Audit entries', ['When', 'What', 'Who', 'About', 'From'], entries.map(row), 'Nothing fits.')}
${more(visit, '/audit', query, next)}`
  return page(visit, { title: 'Audit', part: 'Audit', body, status: problem === null ? 200 : 400 })
}

function row(entry: AuditRecord): readonly Piece[] {
  return [
    html`<span class="nowrap">${time(entry.at)}</span>`,
    html`<span class="nowrap">${entry.action}</span>${entry.outcome === 'refused' && html` ${tag('refused', 'warn')}`}`,
    html`${entry.userName ?? ''}${entry.keyName !== null && html`<span class="hint">key ${entry.keyName}</span>`}`,
    html`<span class="any">${entry.subject}</span>${entry.target !== null && html` → ${entry.target}`}${entry.reason !== '' && html`<span class="hint">${reasonWords(entry.reason)}</span>`}`,
    html`${(entry.door ?? '').replace('_', ' ')}${entry.address !== null && html`<span class="hint">${entry.address}</span>`}`,
  ]
}

async function find(
  visit: PersonVisit,
): Promise<{ entries: readonly AuditRecord[]; problem: string | null }> {
  const { deps, actor, site, query } = visit
  const text = (name: string) => query.get(name)?.trim() || undefined
  const day = (name: string, more: number) => {
    const at = Date.parse(`${query.get(name) ?? ''}T00:00Z`)
    return Number.isNaN(at) ? undefined : at + more
  }
  const question = {
    user: text('user'),
    key: text('key')?.replace(/^@?api-/, ''),
    path: text('path'),
    address: text('address'),
    action: text('action'),
    door: text('door'),
    outcome: (['ok', 'refused'] as const).find((one) => one === query.get('outcome')),
    from: day('from', 0),
    until: day('until', 86_400_000),
  }
  try {
    const after = placeOf(query.get('after'))
    return {
      entries: await listAudit(deps.identity, actor, site.id, question, { limit: PAGE, after }),
      problem: null,
    }
  } catch (error) {
    const fault = toFault(error)
    if (fault.code !== 'invalid') throw error
    return { entries: [], problem: `That cannot be searched for: ${fault.message}.` }
  }
}

function placeOf(text: string | null): AuditPlace | null {
  const [, at, sequence] = /^(\d{1,15})-(\d{1,15})$/.exec(text ?? '') ?? []
  return at === undefined ? null : { at: Number(at), sequence: Number(sequence) }
}
