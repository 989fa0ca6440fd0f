import type { AuditRecord, LiveSession } from '#audit/ports.ts'
import { listAudit } from '#identity/audit.ts'
import { keyState } from '#identity/json.ts'
import { listKeys } from '#identity/keys.ts'
import { endLiveSession, listLiveSessions } from '#identity/live-sessions.ts'
import { browsersOfSite } from '#identity/own-account.ts'
import type { KeyDetails } from '#identity/ports.ts'
import { DOORS } from '#permissions/conditions.ts'
import { html, type Piece } from '../html.ts'
import { page } from '../layout.ts'
import type { Route } from '../route.ts'
import { DOOR_NAMES, reasonWords } from '../sentences.ts'
import { action, bytes, card, distance, table, tag } from '../ui.ts'
import { type Answer, nowOf, type PersonVisit, param, redirect, to } from '../visit.ts'

const DAY_MS = 86_400_000
const SOON_MS = 14 * DAY_MS
const UNUSED_MS = 90 * DAY_MS
const IN_CONSOLE_MS = 15 * 60_000
const MOST_SESSIONS = 200

export const OVERVIEW_ROUTES: readonly Route[] = [
  { method: 'GET', path: '/', rule: 'person', handle: overview },
  {
    method: 'POST',
    path: '/sessions/:session/end',
    rule: 'administrator',
    async handle(visit) {
      await endLiveSession(visit.deps.identity, visit.actor, visit.site.id, param(visit, 'session'))
      return redirect(to(visit, '/'), 'session-ended')
    },
  },
]

async function overview(visit: PersonVisit): Promise<Answer> {
  if (!visit.isAdministrator) return redirect('/console/files')
  const { deps, actor, site } = visit
  const { identity } = deps
  const now = nowOf(visit)
  const [sessions, browsers, refused, keys] = await Promise.all([
    listLiveSessions(identity, actor, site.id, { limit: MOST_SESSIONS, after: null }),
    browsersOfSite(identity, actor, site.id, now - IN_CONSOLE_MS),
    listAudit(
      identity,
      actor,
      site.id,
      { action: 'login', outcome: 'refused', from: now - 7 * DAY_MS },
      { limit: 10, after: null },
    ),
    listKeys(identity, actor, site.id),
  ])
  const body = html`${doorCounts(sessions, browsers.length)}
${card('Connected now', sessionTable(visit, sessions, now))}
<div class="columns">
${card(
  'Keys that end soon',
  keyTable(visit, endingSoon(keys, now), 'No key ends within two weeks.', (key) =>
    key.expiresAt === null ? '' : distance(key.expiresAt, now),
  ),
)}
${card(
  'Keys unused for 90 days',
  keyTable(visit, unused(keys, now), 'Every key was used, or is younger than that.', (key) =>
    lastUseWords(key, now),
  ),
)}
</div>
${card('Refused logins, last 7 days', refusedTable(refused, now), { actions: html`<a href="${to(visit, '/audit')}?action=login&amp;outcome=refused">All of them</a>` })}`
  return page(visit, {
    title: visit.isBelow ? `Overview of ${site.name}` : 'Overview',
    part: 'Overview',
    actions: html`<a class="button" href="${to(visit, '/keys/new')}">New key</a>`,
    body,
    scripts: ['overview.js'],
  })
}

function doorCounts(sessions: readonly LiveSession[], inConsole: number): Piece {
  const counts = DOORS.map((door) => [
    door === 'rest' ? 'REST' : DOOR_NAMES[door],
    sessions.filter((session) => session.door === door && session.kind !== 'person').length +
      sessions.filter((session) => session.door === door && session.kind === 'person' && door !== 'rest')
        .length,
  ]) satisfies readonly (readonly [string, number])[]
  return html`<ul class="counts" aria-label="Connections by door">${[
    ...counts,
    ['Console', inConsole] as const,
  ].map(
    ([name, count]) => html`<li${count > 0 && html` class="some"`}><b>${count}</b><span>${name}</span></li>`,
  )}</ul>`
}

function sessionTable(visit: PersonVisit, sessions: readonly LiveSession[], now: number): Piece {
  return table(
    'Live sessions',
    ['Who', 'Door', 'From', 'Since', 'In and out', 'File', ''],
    sessions.map((session) => [
      whoIs(visit, session),
      DOOR_NAMES[session.door],
      html`${session.address}<span class="hint">${session.client}</span>`,
      distance(session.startedAt, now),
      html`<span class="nowrap">${bytes(session.bytesIn)} in</span>, <span class="nowrap">${bytes(session.bytesOut)} out</span>`,
      session.current === null
        ? html`<span class="soft">idle</span>`
        : html`<span class="any">${session.current}</span>`,
      action(visit, `/sessions/${session.id}/end`, 'End', {
        describe: `End the session of ${session.keyName ?? session.userName ?? 'the guest'}`,
      }),
    ]),
    'Nobody is connected right now.',
  )
}

function whoIs(visit: PersonVisit, { userName, keyId, keyName }: LiveSession): Piece {
  const key = keyId !== null && html`<a href="${to(visit, `/keys/${keyId}`)}">${keyName}</a>`
  if (userName === null) return key || 'guest'
  return html`${userName}${key && html`<span class="hint">key ${key}</span>`}`
}

function endingSoon(keys: readonly KeyDetails[], now: number): readonly KeyDetails[] {
  return keys
    .filter(
      (key) => keyState(key, now) === 'active' && key.expiresAt !== null && key.expiresAt - now < SOON_MS,
    )
    .toSorted((a, b) => (a.expiresAt ?? 0) - (b.expiresAt ?? 0))
    .slice(0, 10)
}

/** When a key was last used by any of its values or its pair; null for never. */
export function lastUseOf({ values, pairUse }: KeyDetails): number | null {
  const uses = [...values, ...(pairUse === null ? [] : [pairUse])]
    .map(({ lastUsedAt }) => lastUsedAt)
    .filter((at) => at !== null)
  return uses.length === 0 ? null : Math.max(...uses)
}

function unused(keys: readonly KeyDetails[], now: number): readonly KeyDetails[] {
  const since = (key: KeyDetails) => lastUseOf(key) ?? key.createdAt
  return keys
    .filter((key) => key.type !== 'guest' && keyState(key, now) === 'active' && now - since(key) > UNUSED_MS)
    .toSorted((a, b) => since(a) - since(b))
    .slice(0, 10)
}

function lastUseWords(key: KeyDetails, now: number): string {
  const at = lastUseOf(key)
  return at === null ? 'never used' : `used ${distance(at, now)}`
}

function keyTable(
  visit: PersonVisit,
  keys: readonly KeyDetails[],
  none: string,
  when: (key: KeyDetails) => string,
): Piece {
  return table(
    none,
    ['Key', 'User', 'When'],
    keys.map((key) => [
      html`<a href="${to(visit, `/keys/${key.id}`)}">${key.name}</a>`,
      key.userName ?? '',
      when(key),
    ]),
    none,
  )
}

function refusedTable(entries: readonly AuditRecord[], now: number): Piece {
  return table(
    'Refused logins',
    ['When', 'Who', 'Door', 'From', 'Why'],
    entries.map((entry) => [
      distance(entry.at, now),
      entry.keyName ?? entry.userName ?? html`<span class="soft">unknown</span>`,
      entry.door ?? '',
      entry.address ?? '',
      html`${tag(entry.reason, 'warn')}<span class="hint">${reasonWords(entry.reason)}</span>`,
    ]),
    'None.',
  )
}
