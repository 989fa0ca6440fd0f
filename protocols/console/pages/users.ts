import { listGrants } from '#identity/grants.ts'
import { listKeys } from '#identity/keys.ts'
import { deleteUser } from '#identity/leave-site.ts'
import type { UserDetails } from '#identity/ports.ts'
import { removeSecondFactor, secondFactorOfUser } from '#identity/second-factor.ts'
import { listSshKeys } from '#identity/ssh-keys.ts'
import { createTicket } from '#identity/tickets.ts'
import { addUser, disableUser, enableUser, getUser, listUsers, updateUser } from '#identity/users.ts'
import { type Html, html, type Piece } from '../html.ts'
import { icon } from '../icons.ts'
import { page } from '../layout.ts'
import type { Route } from '../route.ts'
import { action, alert, card, careful, facts, form, input, more, select, table, tag, timeOr } from '../ui.ts'
import { type Answer, field, nowOf, type PersonVisit, param, redirect, to } from '../visit.ts'
import { grantCard } from './grants.ts'
import { conditionFacts } from './key.ts'
import { conditionFields, expiryFields, readConditionFields, readExpiryFields } from './key-form.ts'
import { mistakeOf, stateTag } from './keys.ts'

const PAGE = 100

export const USER_ROUTES: readonly Route[] = [
  { method: 'GET', path: '/users', rule: 'administrator', handle: list },
  { method: 'GET', path: '/users/new', rule: 'administrator', handle: (visit) => newPage(visit, null) },
  { method: 'POST', path: '/users', rule: 'administrator', handle: create },
  { method: 'GET', path: '/users/:user', rule: 'administrator', handle: (visit) => userPage(visit, null) },
  { method: 'POST', path: '/users/:user', rule: 'administrator', handle: save },
  {
    method: 'POST',
    path: '/users/:user/disable',
    rule: 'administrator',
    handle: change(disableUser, 'user-disabled'),
  },
  {
    method: 'POST',
    path: '/users/:user/enable',
    rule: 'administrator',
    handle: change(enableUser, 'user-enabled'),
  },
  {
    method: 'POST',
    path: '/users/:user/delete',
    rule: 'administrator',
    async handle(visit) {
      await deleteUser(visit.deps.identity, visit.actor, visit.site.id, { id: param(visit, 'user') })
      return redirect(to(visit, '/users'), 'user-deleted')
    },
  },
  { method: 'POST', path: '/users/:user/link', rule: 'administrator', handle: link },
  {
    method: 'POST',
    path: '/users/:user/factor/remove',
    rule: 'administrator',
    async handle(visit) {
      const id = param(visit, 'user')
      await removeSecondFactor(visit.deps.identity, visit.actor, visit.site.id, { id })
      return redirect(to(visit, `/users/${id}`), 'factor-off')
    },
  },
]

function change(work: typeof enableUser, done: string) {
  return async (visit: PersonVisit): Promise<Answer> => {
    const id = param(visit, 'user')
    await work(visit.deps.identity, visit.actor, visit.site.id, { id })
    return redirect(to(visit, `/users/${id}`), done)
  }
}

async function list(visit: PersonVisit): Promise<Answer> {
  const { deps, actor, site, query } = visit
  const asked = (query.get('q') ?? '').trim().toLowerCase()
  const users = await listUsers(deps.identity, actor, site.id, {
    after: query.get('after') ?? undefined,
    limit: asked === '' ? PAGE : 5_000,
  })
  const found = users.filter(({ name, email }) => `${name} ${email ?? ''}`.toLowerCase().includes(asked))
  const body = html`<form class="filter" method="get" action="${to(visit, '/users')}" role="search">${input({ name: 'q', label: 'Search', type: 'search', value: query.get('q') ?? '', more: html`placeholder="Name or e-mail"` })}<button type="submit" class="quiet">Search</button></form>
${table(
  'Users',
  ['Name', 'Role', 'State', 'E-mail', 'Ends'],
  found.map((user) => [
    html`<a href="${to(visit, `/users/${user.id}`)}"><b>${user.name}</b></a>`,
    user.role,
    stateOf(user, nowOf(visit)),
    user.email ?? html`<span class="soft">none</span>`,
    timeOr(user.expiresAt, 'never'),
  ]),
  'No user fits.',
)}
${more(visit, '/users', query, asked === '' && users.length === PAGE ? (users.at(-1)?.name ?? null) : null)}`
  return page(visit, {
    title: 'Users',
    part: 'Users',
    actions: html`<a class="button" href="${to(visit, '/users/new')}">New user</a>`,
    body,
  })
}

function stateOf({ enabled, expiresAt, hasPassword }: UserDetails, now: number): Piece {
  if (!enabled) return tag('disabled', 'warn')
  if (expiresAt !== null && now >= expiresAt) return tag('over', 'bad')
  return html`${tag('active', 'good')}${!hasPassword && html` ${tag('no password')}`}`
}

const ROLES = [
  ['member', 'Member: what grants allow'],
  ['administrator', 'Administrator: the whole site'],
] as const

async function newPage(visit: PersonVisit, problem: string | null): Promise<Answer> {
  const fields = html`${input({ name: 'name', label: 'Name', value: field(visit, 'name'), hint: 'What they log in with.', more: html`required maxlength="100" spellcheck="false" autocomplete="off" autocapitalize="none"` })}
${select({ name: 'role', label: 'Role', value: field(visit, 'role') || 'member' }, ROLES)}
${input({ name: 'email', label: 'E-mail', type: 'email', value: field(visit, 'email') })}`
  return page(visit, {
    title: 'New user',
    part: 'Users',
    up: { path: '/users', label: 'Users' },
    body: html`${alert(problem)}${form(visit, '/users', fields, 'Make the user', { cancel: '/users' })}`,
    status: problem === null ? 200 : 400,
  })
}

async function create(visit: PersonVisit): Promise<Answer> {
  const { deps, actor, site } = visit
  try {
    const email = field(visit, 'email')
    const user = await addUser(deps.identity, actor, site.id, {
      name: field(visit, 'name'),
      role: roleOf(visit),
      ...(email !== '' && { email }),
    })
    return redirect(to(visit, `/users/${user.id}`), 'user-made')
  } catch (error) {
    return newPage(visit, mistakeOf(error))
  }
}

function roleOf(visit: PersonVisit): 'administrator' | 'member' {
  return field(visit, 'role') === 'administrator' ? 'administrator' : 'member'
}

async function userPage(visit: PersonVisit, problem: string | null, status = 200): Promise<Answer> {
  const { deps, actor, site } = visit
  const { identity } = deps
  const ref = { id: param(visit, 'user') }
  const user = await getUser(identity, actor, site.id, ref)
  const [grants, keys, factor, sshKeys] = await Promise.all([
    listGrants(identity, actor, site.id, { user: ref }),
    listKeys(identity, actor, site.id, { user: ref }),
    secondFactorOfUser(identity, actor, site.id, ref),
    listSshKeys(identity, actor, site.id, ref),
  ])
  const now = nowOf(visit)
  const body = html`${alert(problem)}
${card(
  'Access',
  html`${facts([
    ['State', stateOf(user, now)],
    ['Password', user.hasPassword ? 'set' : 'none yet'],
    ['Second factor', factor.state === 'on' ? html`on, ${factor.recoveryCodes} recovery codes left` : 'off'],
    ['SSH keys', sshKeys.length === 0 ? 'none' : sshKeys.map(({ name }) => html`${tag(name)} `)],
    ...conditionFacts(user.conditions),
  ])}<div class="row">${action(visit, `/users/${user.id}/link`, 'One-time link', { describe: 'Make a one-time link with which the user chooses a password' })}
${factor.state === 'on' && careful(visit, `/users/${user.id}/factor/remove`, { label: 'Remove second factor', means: 'For somebody who lost it. The password alone lets them in then, until they set up a new one.', confirm: 'Remove it' })}
${user.enabled ? careful(visit, `/users/${user.id}/disable`, { label: 'Disable', means: 'All keys and sessions of this user stop at once, until somebody enables the user again.', confirm: 'Disable the user' }) : action(visit, `/users/${user.id}/enable`, 'Enable')}
${careful(visit, `/users/${user.id}/delete`, { label: 'Delete', means: 'Keys and sessions stop at once, grants go. What the audit says of the user stays, and so do the files.', confirm: 'Delete the user' })}</div>`,
)}
${user.role === 'administrator' ? card('Grants', html`<p class="empty">An administrator reaches the whole site and needs no grants.</p>`) : grantCard(visit, grants, { user: user.id })}
${card('Keys', keyTable(visit, keys, now), { actions: html`<a href="${to(visit, '/keys/new')}?user=${encodeURIComponent(user.name)}">New key</a>` })}
${card('Change', form(visit, `/users/${user.id}`, userFields(user), 'Save'))}`
  return page(visit, {
    title: `User ${user.name}`,
    part: 'Users',
    up: { path: '/users', label: 'Users' },
    body,
    scripts: ['key-form.js'],
    status,
  })
}

function userFields(user: UserDetails): Html {
  return html`<div class="two">${input({ name: 'name', label: 'Name', value: user.name, more: html`required maxlength="100" spellcheck="false"` })}${select({ name: 'role', label: 'Role', value: user.role }, ROLES)}</div>
<div class="two">${input({ name: 'email', label: 'E-mail', type: 'email', value: user.email ?? '' })}${input({ name: 'home', label: 'Home folder', value: user.homeFolder, hint: 'Where SFTP and FTP sessions start.', more: html`spellcheck="false"` })}</div>
${expiryFields(ANY_END, user.expiresAt)}
${conditionFields(user.conditions)}`
}

// A user's end is bound by no setting of the site.
const ANY_END = { defaultKeyLifetime: null, maxKeyLifetime: null, allowNeverExpire: true }

async function save(visit: PersonVisit): Promise<Answer> {
  const { deps, actor, site } = visit
  const id = param(visit, 'user')
  const held = await getUser(deps.identity, actor, site.id, { id })
  try {
    const name = field(visit, 'name')
    const role = roleOf(visit)
    const expiresAt = readExpiryFields(visit, nowOf(visit))
    await updateUser(
      deps.identity,
      actor,
      site.id,
      { id },
      {
        ...(name !== held.name && { name }),
        ...(role !== held.role && { role }),
        ...(expiresAt !== undefined && { expiresAt }),
        email: field(visit, 'email'),
        homeFolder: field(visit, 'home') || '/',
        conditions: readConditionFields(visit, held.conditions),
      },
    )
    return redirect(to(visit, `/users/${id}`), 'saved')
  } catch (error) {
    return userPage(visit, mistakeOf(error), 400)
  }
}

function keyTable(visit: PersonVisit, keys: Awaited<ReturnType<typeof listKeys>>, now: number): Piece {
  return table(
    'Keys of this user',
    ['Key', 'State', 'Ends'],
    keys.map((key) => [
      html`<a href="${to(visit, `/keys/${key.id}`)}">${key.name}</a>`,
      stateTag(key, now),
      timeOr(key.expiresAt, 'never'),
    ]),
    'This user has no key.',
  )
}

async function link(visit: PersonVisit): Promise<Answer> {
  const { deps, actor, site } = visit
  const id = param(visit, 'user')
  const ticket = await createTicket(deps.identity, actor, site.id, { id })
  const address = `${visit.secure ? 'https' : 'http'}://${visit.host}/start/${ticket.ticket}`
  const body = html`<p class="note warn" role="status">${icon('warning')}Hand this link to ${ticket.userName} only. It works once, until ${timeOr(ticket.expiresAt, '')}, and is shown this once.</p>
${card('One-time link', html`<div class="secret"><span id="link-label">Link</span><code id="secret-link" aria-labelledby="link-label" tabindex="0" role="textbox" aria-readonly="true">${address}</code><button type="button" class="quiet" data-copy="secret-link" hidden>Copy<span class="unseen"> the link</span></button></div>`)}`
  return page(visit, {
    title: `Link for ${ticket.userName}`,
    part: 'Users',
    up: { path: `/users/${id}`, label: `User ${ticket.userName}` },
    body,
    scripts: ['copy.js'],
  })
}
