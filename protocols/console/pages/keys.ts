import { toFault } from '#faults'
import { createKey } from '#identity/create-key.ts'
import { createGuestKey } from '#identity/guest-key.ts'
import { keyState, loginOf } from '#identity/json.ts'
import { endKeySession } from '#identity/key-history.ts'
import { deleteKey, disableKey, enableKey, getKey, listKeys, updateKey } from '#identity/keys.ts'
import { listMounts } from '#identity/mounts.ts'
import type { KeyDetails, KeyPlace } from '#identity/ports.ts'
import { rotateKey } from '#identity/rotate-key.ts'
import { listUsers } from '#identity/users.ts'
import { html, type Piece } from '../html.ts'
import { page } from '../layout.ts'
import type { Route } from '../route.ts'
import { alert, check, distance, form, input, more, select, table, tag, timeOr } from '../ui.ts'
import { type Answer, field, nowOf, type PersonVisit, param, redirect, to } from '../visit.ts'
import { issuedPage } from './issued.ts'
import { editPage, keyPage } from './key.ts'
import { expiryFields, FACTORY_LIMITS, limitFields, readExpiryFields, readLimitFields } from './key-form.ts'
import { lastUseOf } from './overview.ts'

const PAGE = 50
const FETCH = 500

export const KEY_ROUTES: readonly Route[] = [
  { method: 'GET', path: '/keys', rule: 'keys', handle: list },
  { method: 'GET', path: '/keys/new', rule: 'keys', handle: (visit) => newPage(visit, null) },
  { method: 'POST', path: '/keys', rule: 'keys', handle: create },
  { method: 'GET', path: '/keys/:key', rule: 'keys', handle: (visit) => keyPage(visit, null) },
  { method: 'GET', path: '/keys/:key/edit', rule: 'keys', handle: (visit) => editPage(visit, null) },
  { method: 'POST', path: '/keys/:key/edit', rule: 'keys', handle: edit },
  { method: 'POST', path: '/keys/:key/rotate', rule: 'keys', handle: rotate },
  { method: 'POST', path: '/keys/:key/disable', rule: 'keys', handle: change(disableKey, 'key-disabled') },
  { method: 'POST', path: '/keys/:key/enable', rule: 'keys', handle: change(enableKey, 'key-enabled') },
  {
    method: 'POST',
    path: '/keys/:key/delete',
    rule: 'keys',
    async handle(visit) {
      await deleteKey(visit.deps.identity, visit.actor, visit.site.id, param(visit, 'key'))
      return redirect(to(visit, '/keys'), 'key-deleted')
    },
  },
  {
    method: 'POST',
    path: '/keys/:key/sessions/:session/end',
    rule: 'keys',
    async handle(visit) {
      const key = param(visit, 'key')
      await endKeySession(visit.deps.identity, visit.actor, visit.site.id, key, param(visit, 'session'))
      return redirect(to(visit, `/keys/${key}`), 'session-ended')
    },
  },
]

function change(work: typeof disableKey, done: string) {
  return async (visit: PersonVisit): Promise<Answer> => {
    const key = param(visit, 'key')
    await work(visit.deps.identity, visit.actor, visit.site.id, key)
    return redirect(to(visit, `/keys/${key}`), done)
  }
}

async function list(visit: PersonVisit): Promise<Answer> {
  const { query } = visit
  const now = nowOf(visit)
  const { keys, next } = await search(visit)
  const rows = keys.map((key) => [
    html`<a href="${to(visit, `/keys/${key.id}`)}"><b>${key.name}</b></a><span class="hint">${loginOf(key)}</span>`,
    key.type === 'user'
      ? key.userName
      : html`<span class="soft">${key.type === 'site' ? 'the whole site' : 'everybody'}</span>`,
    stateTag(key, now),
    timeOr(key.expiresAt, 'never'),
    lastUse(key, now),
  ])
  const body = html`<form class="filter" method="get" action="${to(visit, '/keys')}" role="search">
${input({ name: 'q', label: 'Search', type: 'search', value: query.get('q') ?? '', more: html`placeholder="Name, id, user, description"` })}
${select({ name: 'state', label: 'State', value: query.get('state') ?? '' }, [
  ['', 'All'],
  ['active', 'Active'],
  ['disabled', 'Disabled'],
  ['expired', 'Expired'],
])}
${
  visit.isAdministrator &&
  select({ name: 'type', label: 'Type', value: query.get('type') ?? '' }, [
    ['', 'All'],
    ['user', 'User'],
    ['site', 'Site'],
    ['guest', 'Guest'],
  ])
}
<button type="submit" class="quiet">Search</button></form>
${table('Keys', ['Key', 'For', 'State', 'Ends', 'Last use'], rows, 'No key fits.')}
${more(visit, '/keys', query, next)}`
  return page(visit, {
    title: visit.isAdministrator ? 'Keys' : 'My keys',
    part: 'Keys',
    actions: html`<a class="button" href="${to(visit, '/keys/new')}">New key</a>`,
    body,
  })
}

/** How a key stands, as a coloured word. */
export function stateTag(key: KeyDetails, now: number): Piece {
  const state = keyState(key, now)
  if (state === 'active' && key.scopes === 0) return tag('no scopes', 'warn')
  return tag(state, state === 'active' ? 'good' : state === 'disabled' ? 'warn' : 'bad')
}

function lastUse(key: KeyDetails, now: number): Piece {
  const at = lastUseOf(key)
  return at === null ? html`<span class="soft">never</span>` : distance(at, now)
}

/** Reads on until the page is full of what fits. */
async function search(visit: PersonVisit): Promise<{ keys: readonly KeyDetails[]; next: string | null }> {
  const { deps, actor, site, query } = visit
  const words = (query.get('q') ?? '')
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '')
  const state = (['active', 'disabled', 'expired'] as const).find((one) => one === query.get('state'))
  const type = (['user', 'site', 'guest'] as const).find((one) => one === query.get('type'))
  const found: KeyDetails[] = []
  let after = placeOf(query.get('after'))
  for (;;) {
    const batch = await listKeys(deps.identity, actor, site.id, { state, type, after, limit: FETCH })
    for (const key of batch) {
      const text = `${key.name} ${key.id} ${key.userName ?? ''} ${key.description} ${key.accessKeyId ?? ''}`
      if (!words.every((word) => text.toLowerCase().includes(word))) continue
      found.push(key)
      if (found.length === PAGE) return { keys: found, next: `${key.createdAt}-${key.id}` }
    }
    const last = batch.at(-1)
    if (last === undefined || batch.length < FETCH) return { keys: found, next: null }
    after = last
  }
}

function placeOf(text: string | null): KeyPlace | undefined {
  const [, at, id] = /^(\d{1,15})-(\w{1,40})$/.exec(text ?? '') ?? []
  return at === undefined || id === undefined ? undefined : { createdAt: Number(at), id }
}

async function newPage(visit: PersonVisit, problem: string | null): Promise<Answer> {
  const { deps, actor, site, isAdministrator } = visit
  const users = isAdministrator ? await listUsers(deps.identity, actor, site.id, { limit: 500 }) : []
  const mounts = isAdministrator ? await listMounts(deps.identity, actor, site.id) : []
  const type = field(visit, 'type') || 'user'
  const userName = field(visit, 'user') || (visit.query.get('user') ?? (visit.isBelow ? '' : visit.userName))
  const fields = html`${
    isAdministrator &&
    html`<fieldset><legend>Type</legend><div class="checks">
${check('radio', 'type', 'user', { label: 'User key', about: 'Belongs to one user and never does more than that user may.', on: type === 'user' })}
${check('radio', 'type', 'site', { label: 'Site key', about: 'The whole site and its admin API. Only for what really needs all of it.', on: type === 'site' })}
${check('radio', 'type', 'guest', { label: 'Guest key', about: 'What requests without any key may do. One for each site; it has no value.', on: type === 'guest' })}
</div></fieldset>
${input({ name: 'user', label: 'User', value: userName, hint: 'Of a user key.', more: html`list="users" maxlength="100" spellcheck="false" autocomplete="off"` })}<datalist id="users">${users.map(({ name }) => html`<option value="${name}"></option>`)}</datalist>`
  }
${input({ name: 'name', label: 'Name', value: field(visit, 'name'), hint: 'What it is for, such as “backup script”. It is part of the login.', more: html`required maxlength="100" spellcheck="false" autocomplete="off"` })}
${input({ name: 'description', label: 'Description', value: field(visit, 'description'), more: html`maxlength="1000"` })}
${expiryFields(site.settings)}
${limitFields(FACTORY_LIMITS, mounts)}
<fieldset><legend>Secrets</legend>
${check('checkbox', 'pair', 'yes', { label: 'S3 access key pair', about: 'For S3 clients: an access key id and a secret access key, shown once. User keys only.', on: visit.form.has('pair') })}
${site.settings.allowChosenValues && input({ name: 'value', label: 'Own value', hint: 'At least 12 characters; empty: a long random one is made, which is better.', type: 'password', more: html`maxlength="256" autocomplete="new-password"` })}
</fieldset>`
  return page(visit, {
    title: 'New key',
    part: 'Keys',
    up: { path: '/keys', label: 'Keys' },
    body: html`${alert(problem)}${form(visit, '/keys', fields, 'Create the key', { cancel: '/keys' })}`,
    scripts: ['key-form.js'],
    status: problem === null ? 200 : 400,
  })
}

async function create(visit: PersonVisit): Promise<Answer> {
  const { deps, actor, site } = visit
  const type = field(visit, 'type') || 'user'
  try {
    const name = field(visit, 'name')
    const description = field(visit, 'description')
    const expiresAt = readExpiryFields(visit, nowOf(visit))
    const limits = readLimitFields(visit)
    if (type === 'guest') {
      const input = { name, description, expiresAt, ...limits }
      const key = await createGuestKey(deps.identity, actor, site.id, input)
      return redirect(to(visit, `/keys/${key.id}`), 'saved')
    }
    const user = field(visit, 'user')
    const value = visit.form.get('value') ?? ''
    const issued = await createKey(deps.identity, actor, site.id, {
      name,
      description,
      expiresAt,
      type: type === 'site' ? 'site' : 'user',
      ...(type === 'site' ? { conditions: limits.conditions } : limits),
      ...(type === 'user' && user !== '' && { user: { name: user } }),
      pair: type === 'user' && visit.form.has('pair'),
      ...(value !== '' && { value }),
    })
    return await issuedPage(visit, issued, 'new')
  } catch (error) {
    return newPage(visit, mistakeOf(error))
  }
}

/** What to say of a mistake on the form; other faults have pages of their own. */
export function mistakeOf(error: unknown): string {
  const fault = toFault(error)
  if (fault.code === 'internal' || fault.code === 'forbidden' || fault.code === 'unavailable') throw error
  return `Not saved: ${fault.message}.`
}

async function edit(visit: PersonVisit): Promise<Answer> {
  const { deps, actor, site } = visit
  const id = param(visit, 'key')
  const key = await getKey(deps.identity, actor, site.id, id)
  try {
    const limits = readLimitFields(visit, key.conditions)
    const name = field(visit, 'name')
    await updateKey(deps.identity, actor, site.id, id, {
      ...(key.type !== 'guest' && name !== key.name && { name }),
      description: field(visit, 'description'),
      ...(key.type === 'site' ? { conditions: limits.conditions } : limits),
      expiresAt: readExpiryFields(visit, nowOf(visit)),
    })
    return redirect(to(visit, `/keys/${id}`), 'saved')
  } catch (error) {
    return editPage(visit, mistakeOf(error))
  }
}

async function rotate(visit: PersonVisit): Promise<Answer> {
  const { deps, actor, site } = visit
  const id = param(visit, 'key')
  try {
    const overlap = Number(field(visit, 'overlap'))
    const pair = visit.form.has('pair')
    const issued = await rotateKey(deps.identity, actor, site.id, id, { overlap, pair })
    return await issuedPage(visit, issued, 'rotated')
  } catch (error) {
    return keyPage(visit, mistakeOf(error))
  }
}
