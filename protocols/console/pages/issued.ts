import type { IssuedKey } from '#identity/create-key.ts'
import { listGrants } from '#identity/grants.ts'
import { loginOf } from '#identity/json.ts'
import type { KeyDetails } from '#identity/ports.ts'
import { DOORS, type DoorName } from '#permissions/conditions.ts'
import { opensDoor } from '#permissions/decide.ts'
import { type Grant, RIGHT_BITS } from '#permissions/grants.ts'
import { ROOT } from '#permissions/path.ts'
import { type Html, html } from '../html.ts'
import { icon } from '../icons.ts'
import { page } from '../layout.ts'
import { DOOR_NAMES } from '../sentences.ts'
import { card, timeOr } from '../ui.ts'
import type { Answer, ClientLines, PersonVisit } from '../visit.ts'

/** Shows a key's secrets, this once (REQUIREMENTS.md, K4), with lines to paste that are made with them. */
export async function issuedPage(
  visit: PersonVisit,
  { key, value, pair }: IssuedKey,
  what: 'new' | 'rotated',
): Promise<Answer> {
  const lines = visit.deps.lines({
    key: {
      login: loginOf(key),
      value,
      accessKeyId: pair?.accessKeyId ?? null,
      secretAccessKey: pair?.secretAccessKey ?? null,
    },
    host: visit.host.replace(/:\d*$/, ''),
    doors: doorsOf(key),
    folder: await folderOf(visit, key),
  })
  const body = html`<p class="note warn" role="status">${icon('warning')}Copy this now. It is shown this once and cannot be read again by anybody.</p>
${card(
  'Secrets',
  html`${secret('login', 'Login', loginOf(key))}${secret('value', 'Value (the password)', value)}
${pair !== null && html`${secret('access-key-id', 'Access key id', pair.accessKeyId)}${secret('secret-access-key', 'Secret access key', pair.secretAccessKey)}`}
${what === 'rotated' && oldValues(key)}
${!key.enabled && html`<p class="hint">On this site new keys wait until somebody enables them.</p>`}`,
)}
${lines.length > 0 && card('Lines to paste', html`<p class="hint">Made with this key, for this server. They hold the value: treat them like it.</p>${lines.map(clientLines)}`)}`
  return page(visit, {
    title: what === 'new' ? `Key ${key.name} is made` : `Key ${key.name} has a new value`,
    part: 'Keys',
    up: { path: `/keys/${key.id}`, label: `To the key ${key.name}` },
    body,
    scripts: ['copy.js'],
  })
}

function secret(id: string, label: string, text: string): Html {
  return html`<div class="secret"><span id="${id}-label">${label}</span><code id="secret-${id}" aria-labelledby="${id}-label" tabindex="0" role="textbox" aria-readonly="true">${text}</code><button type="button" class="quiet" data-copy="secret-${id}" hidden>Copy<span class="unseen"> ${label}</span></button></div>`
}

function oldValues({ values }: KeyDetails): Html {
  const stopping = values.filter(({ stopsAt }) => stopsAt !== null)
  return html`<p class="hint">${stopping.length === 0 ? 'No other value works.' : html`The value before it stops at ${timeOr(stopping[0]?.stopsAt ?? null, '')}.`}</p>`
}

function clientLines({ client, door, about, text }: ClientLines, index: number): Html {
  const id = `lines-${index}`
  return html`<details class="lines"${index === 0 && html` open`}><summary><b>${client}</b><span class="soft">${DOOR_NAMES[door].replace(' and console', '')}</span></summary><p class="hint">${about}</p><div class="paste"><pre id="${id}" tabindex="0" aria-label="Lines for ${client}">${text}</pre><button type="button" class="quiet" data-copy="${id}" hidden>Copy<span class="unseen"> the lines for ${client}</span></button></div></details>`
}

/** The doors that the key opens. */
export function doorsOf({ scopes, conditions, type }: KeyDetails): readonly DoorName[] {
  return DOORS.filter(
    (door) =>
      (type === 'site' || opensDoor(scopes, door)) &&
      (conditions.doors === undefined || conditions.doors.includes(door)),
  )
}

/** A folder that the key reaches, for the lines: what narrows the key, or where its user may write. */
async function folderOf(visit: PersonVisit, key: KeyDetails): Promise<string> {
  if (key.basePath !== ROOT) return key.basePath
  const grants = await grantsFor(visit, key)
  const wanted = RIGHT_BITS.write
  return (grants.find(({ rights }) => (rights & wanted) !== 0) ?? grants[0])?.path ?? ROOT
}

async function grantsFor(visit: PersonVisit, { userId }: KeyDetails): Promise<readonly Grant[]> {
  const { deps, actor, site, isAdministrator } = visit
  if (actor.principal.user?.id === userId) return isAdministrator ? [] : actor.principal.grants
  if (userId === null || !isAdministrator) return []
  return listGrants(deps.identity, actor, site.id, { user: { id: userId }, limit: 50 })
}
