import type { AuditRecord, LiveSession } from '#audit/ports.ts'
import { toFault } from '#faults'
import { ACTION_NAMES, wouldAllow } from '#identity/allowed.ts'
import { loginOf } from '#identity/json.ts'
import { keyAudit, keySessions } from '#identity/key-history.ts'
import { getKey } from '#identity/keys.ts'
import { listMounts } from '#identity/mounts.ts'
import type { KeyDetails } from '#identity/ports.ts'
import { type Conditions, DOORS } from '#permissions/conditions.ts'
import { scopeNames } from '#permissions/scopes.ts'
import { type Html, html, type Piece } from '../html.ts'
import { icon } from '../icons.ts'
import { page, token } from '../layout.ts'
import { ACTION_WORDS, DOOR_NAMES, reasonWords, SCOPE_SENTENCES } from '../sentences.ts'
import {
  action,
  alert,
  bytes,
  card,
  careful,
  check,
  distance,
  facts,
  form,
  input,
  select,
  table,
  tag,
  timeOr,
} from '../ui.ts'
import { type Answer, nowOf, type PersonVisit, param, to } from '../visit.ts'
import { doorsOf } from './issued.ts'
import { expiryFields, limitFields, limitsOf } from './key-form.ts'
import { stateTag } from './keys.ts'

const AUDIT_LINES = 20

/** A key with its values, uses, sessions and audit. */
export async function keyPage(visit: PersonVisit, problem: string | null): Promise<Answer> {
  const { deps, actor, site } = visit
  const id = param(visit, 'key')
  const key = await getKey(deps.identity, actor, site.id, id)
  const [sessions, entries, answer] = await Promise.all([
    keySessions(deps.identity, actor, site.id, key.id),
    keyAudit(deps.identity, actor, site.id, key.id, AUDIT_LINES),
    askAllowed(visit, key),
  ])
  const now = nowOf(visit)
  const body = html`${alert(problem)}
${card('What it is', html`${about(visit, key, now)}<div class="row">${key.enabled ? action(visit, `/keys/${key.id}/disable`, 'Disable') : action(visit, `/keys/${key.id}/enable`, 'Enable')}${key.type !== 'guest' && rotation(visit, key)}${careful(visit, `/keys/${key.id}/delete`, { label: 'Delete', means: 'The key is gone for good, and its sessions end at once. What the audit says of it stays.', confirm: 'Delete the key' })}</div>`)}
${key.type !== 'guest' && card('Values and their last use', valueTable(key, now))}
${card('Live sessions', sessionTable(visit, key, sessions, now))}
${card('Would this be allowed?', allowedForm(visit, key, answer), { id: 'allowed' })}
${card('Done with this key', auditTable(entries, now), { actions: visit.isAdministrator && html`<a href="${to(visit, '/audit')}?key=${key.id}">All of it</a>` })}`
  return page(visit, {
    title: `Key ${key.name}`,
    part: 'Keys',
    up: { path: '/keys', label: 'Keys' },
    actions: html`<a class="button quiet" href="${to(visit, `/keys/${key.id}/edit`)}">Change</a>`,
    body,
    scripts: ['copy.js'],
    status: problem === null ? 200 : 400,
  })
}

function about(visit: PersonVisit, key: KeyDetails, now: number): Html {
  const scopes = scopeNames(key.scopes)
  const user =
    key.userId === null
      ? null
      : visit.isAdministrator
        ? html`<a href="${to(visit, `/users/${key.userId}`)}">${key.userName ?? key.userId}</a>`
        : key.userName
  return facts([
    ['State', stateTag(key, now)],
    ['Login', html`<code>${loginOf(key)}</code>`],
    ['Type', `${key.type} key`],
    ...(user === null ? [] : [['User', user] as const]),
    ...(key.description === '' ? [] : [['Description', key.description] as const]),
    [
      'Ends',
      html`${timeOr(key.expiresAt, 'never')}${key.expiresAt !== null && html` <span class="soft">(${distance(key.expiresAt, now)})</span>`}`,
    ],
    ['Opens', doorsOf(key).map((door) => html`${tag(DOOR_NAMES[door])} `)],
    ['Folder', html`<code>${key.basePath}</code>`],
    [
      'Scopes',
      key.type === 'site'
        ? 'all of them'
        : html`<details><summary>${scopes.length} of them</summary><ul class="plain">${Object.entries(
            SCOPE_SENTENCES,
          )
            .filter(([name]) => scopes.includes(name))
            .map(
              ([name, sentence]) => html`<li><b>${name}</b> <span class="soft">${sentence}</span></li>`,
            )}</ul></details>`,
    ],
    ...conditionFacts(key.conditions),
    ['Made', timeOr(key.createdAt, '')],
  ])
}

/** Conditions as names and values; none where nothing is restricted. */
export function conditionFacts({
  allow,
  deny,
  doors,
  windows,
  notBefore,
}: Conditions): (readonly [string, Piece])[] {
  const list: (readonly [string, Piece])[] = []
  if (allow) list.push(['Only from', allow.join(', ')])
  if (deny) list.push(['Never from', deny.join(', ')])
  if (doors) list.push(['Only by', doors.map((door) => DOOR_NAMES[door]).join(', ')])
  if (notBefore !== undefined) list.push(['Not before', timeOr(notBefore, '')])
  if (windows) list.push(['Only at', `${windows.length} time window${windows.length === 1 ? '' : 's'}`])
  return list
}

function rotation(visit: PersonVisit, key: KeyDetails): Html {
  const spans = [
    ['0', 'at once'],
    ['3600000', 'in an hour'],
    ['86400000', 'in a day'],
    ['604800000', 'in a week'],
    ['2592000000', 'in 30 days'],
  ] as const
  return html`<details class="careful"><summary>New value</summary><div><form method="post" action="${to(visit, `/keys/${key.id}/rotate`)}">${token(visit)}
${select({ name: 'overlap', label: 'The value of now stops', value: '86400000', hint: 'Until then both work, so that nothing breaks while you change over.' }, spans)}
${key.accessKeyId !== null && check('checkbox', 'pair', 'yes', { label: 'Also a new S3 pair', about: 'The S3 pair of now stops at once.' })}
<button type="submit">Make a new value</button></form></div></details>`
}

function valueTable(key: KeyDetails, now: number): Piece {
  const use = (used: {
    lastUsedAt: number | null
    lastUsedAddress: string | null
    lastUsedDoor: string | null
    lastUsedClient: string | null
  }) =>
    used.lastUsedAt === null
      ? html`<span class="soft">never</span>`
      : html`${distance(used.lastUsedAt, now)}<span class="hint">${used.lastUsedDoor} from ${used.lastUsedAddress}, ${used.lastUsedClient}</span>`
  const rows = key.values.map((value) => [
    html`<code>${value.masked}</code>${value.chosen && html` ${tag('chosen')}`}`,
    timeOr(value.createdAt, ''),
    timeOr(value.stopsAt, 'with the key'),
    use(value),
  ])
  const pair =
    key.pairUse === null
      ? []
      : [
          [
            html`<code>${key.accessKeyId}</code> ${tag('S3 pair')}`,
            '',
            timeOr(null, 'with the key'),
            use(key.pairUse),
          ],
        ]
  return table('Values', ['Value', 'Made', 'Stops', 'Last use'], [...rows, ...pair])
}

function sessionTable(
  visit: PersonVisit,
  key: KeyDetails,
  sessions: readonly LiveSession[],
  now: number,
): Piece {
  return table(
    'Live sessions',
    ['Door', 'From', 'Since', 'In and out', 'File', ''],
    sessions.map((session) => [
      DOOR_NAMES[session.door],
      html`${session.address}<span class="hint">${session.client}</span>`,
      distance(session.startedAt, now),
      `${bytes(session.bytesIn)} in, ${bytes(session.bytesOut)} out`,
      session.current ?? html`<span class="soft">idle</span>`,
      action(visit, `/keys/${key.id}/sessions/${session.id}/end`, 'End', {
        describe: `End the ${DOOR_NAMES[session.door]} session from ${session.address}`,
      }),
    ]),
    'This key is not connected right now.',
  )
}

type Asked = { readonly allow: boolean; readonly reason: string | null } | { readonly mistake: string } | null

async function askAllowed(visit: PersonVisit, key: KeyDetails): Promise<Asked> {
  const { deps, actor, site, query } = visit
  if (!query.has('action')) return null
  const question = {
    key: key.id,
    door: query.get('door') ?? '',
    address: query.get('address') ?? '',
    action: query.get('action') ?? '',
    path: query.get('path') ?? '',
  }
  try {
    return await wouldAllow(deps.identity, actor, site.id, question)
  } catch (error) {
    const fault = toFault(error)
    if (fault.code !== 'invalid') throw error
    return { mistake: fault.message }
  }
}

function allowedForm(visit: PersonVisit, key: KeyDetails, answer: Asked): Html {
  const { query } = visit
  const words = new Map<string, string>(Object.entries(ACTION_WORDS))
  return html`<form class="filter" method="get" action="${to(visit, `/keys/${key.id}`)}#allowed">
${select(
  { name: 'door', label: 'Door', value: query.get('door') ?? '' },
  DOORS.map((door) => [door, DOOR_NAMES[door]]),
)}
${select(
  { name: 'action', label: 'To', value: query.get('action') ?? 'read' },
  ACTION_NAMES.map((name) => [name, words.get(name) ?? name]),
)}
${input({ name: 'path', label: 'Path', value: query.get('path') ?? key.basePath, more: html`required spellcheck="false"` })}
${input({ name: 'address', label: 'From the address', value: query.get('address') ?? visit.address, more: html`required spellcheck="false"` })}
<button type="submit" class="quiet">Ask</button></form>
<div role="status">${answer !== null && answerOf(answer)}</div>`
}

function answerOf(answer: NonNullable<Asked>): Html {
  if ('mistake' in answer)
    return html`<p class="note bad">${icon('warning')}That cannot be asked: ${answer.mistake}.</p>`
  if (answer.allow) return html`<p class="note good">${icon('tick')}Yes, this would be allowed.</p>`
  return html`<p class="note warn">${icon('warning')}No. ${reasonWords(answer.reason ?? '')}</p>`
}

function auditTable(entries: readonly AuditRecord[], now: number): Piece {
  return table(
    'Audit of this key',
    ['When', 'What', 'About', 'From'],
    entries.map((entry) => [
      distance(entry.at, now),
      html`${entry.action}${entry.outcome === 'refused' && html` ${tag('refused', 'warn')}`}`,
      html`<span class="any">${entry.subject}</span>${entry.reason !== '' && html`<span class="hint">${reasonWords(entry.reason)}</span>`}`,
      html`${entry.door}<span class="hint">${entry.address}</span>`,
    ]),
  )
}

/** What may be changed of a key. */
export async function editPage(visit: PersonVisit, problem: string | null): Promise<Answer> {
  const { deps, actor, site, isAdministrator } = visit
  const key = await getKey(deps.identity, actor, site.id, param(visit, 'key'))
  const mounts = isAdministrator ? await listMounts(deps.identity, actor, site.id) : []
  const fields = html`${key.type !== 'guest' && input({ name: 'name', label: 'Name', value: key.name, more: html`required maxlength="100" spellcheck="false"` })}
${input({ name: 'description', label: 'Description', value: key.description, more: html`maxlength="1000"` })}
${expiryFields(site.settings, key.expiresAt)}
${limitFields(limitsOf(key), mounts)}`
  const body = html`${alert(problem)}${form(visit, `/keys/${key.id}/edit`, fields, 'Save', { cancel: `/keys/${key.id}` })}`
  return page(visit, {
    title: `Change key ${key.name}`,
    part: 'Keys',
    up: { path: `/keys/${key.id}`, label: key.name },
    body,
    scripts: ['key-form.js'],
    status: problem === null ? 200 : 400,
  })
}
