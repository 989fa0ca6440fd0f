import { listGrants } from '#identity/grants.ts'
import {
  addGroup,
  deleteGroup,
  getGroup,
  joinGroup,
  leaveGroup,
  listGroups,
  listMembers,
  renameGroup,
} from '#identity/groups.ts'
import { listUsers } from '#identity/users.ts'
import { html } from '../html.ts'
import { page } from '../layout.ts'
import type { Route } from '../route.ts'
import { action, alert, card, careful, form, input, table, timeOr } from '../ui.ts'
import { type Answer, field, type PersonVisit, param, redirect, to } from '../visit.ts'
import { grantCard } from './grants.ts'
import { mistakeOf } from './keys.ts'

const MOST = 1_000

export const GROUP_ROUTES: readonly Route[] = [
  { method: 'GET', path: '/groups', rule: 'administrator', handle: (visit) => list(visit, null) },
  { method: 'POST', path: '/groups', rule: 'administrator', handle: create },
  { method: 'GET', path: '/groups/:group', rule: 'administrator', handle: (visit) => groupPage(visit, null) },
  { method: 'POST', path: '/groups/:group/rename', rule: 'administrator', handle: rename },
  {
    method: 'POST',
    path: '/groups/:group/delete',
    rule: 'administrator',
    async handle(visit) {
      await deleteGroup(visit.deps.identity, visit.actor, visit.site.id, { id: param(visit, 'group') })
      return redirect(to(visit, '/groups'), 'group-deleted')
    },
  },
  { method: 'POST', path: '/groups/:group/members', rule: 'administrator', handle: join },
  {
    method: 'POST',
    path: '/groups/:group/members/:user/remove',
    rule: 'administrator',
    async handle(visit) {
      const id = param(visit, 'group')
      const pair = { group: { id }, user: { id: param(visit, 'user') } }
      await leaveGroup(visit.deps.identity, visit.actor, visit.site.id, pair)
      return redirect(to(visit, `/groups/${id}`), 'left')
    },
  },
]

async function list(visit: PersonVisit, problem: string | null): Promise<Answer> {
  const { deps, actor, site } = visit
  const groups = await listGroups(deps.identity, actor, site.id, { limit: MOST })
  const name = input({
    name: 'name',
    label: 'Name',
    value: field(visit, 'name'),
    more: html`required maxlength="100"`,
  })
  const body = html`${alert(problem)}${table(
    'Groups',
    ['Name', 'Made'],
    groups.map((group) => [
      html`<a href="${to(visit, `/groups/${group.id}`)}"><b>${group.name}</b></a>`,
      timeOr(group.createdAt, ''),
    ]),
    'There is no group yet. A group gives its members its grants.',
  )}
${card('New group', form(visit, '/groups', name, 'Make the group', { className: 'filter' }))}`
  return page(visit, { title: 'Groups', part: 'Groups', body, status: problem === null ? 200 : 400 })
}

async function create(visit: PersonVisit): Promise<Answer> {
  try {
    const group = await addGroup(visit.deps.identity, visit.actor, visit.site.id, field(visit, 'name'))
    return redirect(to(visit, `/groups/${group.id}`), 'group-made')
  } catch (error) {
    return list(visit, mistakeOf(error))
  }
}

async function groupPage(visit: PersonVisit, problem: string | null): Promise<Answer> {
  const { deps, actor, site } = visit
  const { identity } = deps
  const ref = { id: param(visit, 'group') }
  const group = await getGroup(identity, actor, site.id, ref)
  const [members, grants, users] = await Promise.all([
    listMembers(identity, actor, site.id, ref, { limit: MOST }),
    listGrants(identity, actor, site.id, { group: ref }),
    listUsers(identity, actor, site.id, { limit: 500 }),
  ])
  const memberField = html`${input({ name: 'user', label: 'User', more: html`required list="users" maxlength="100" autocomplete="off" spellcheck="false"` })}<datalist id="users">${users.map(({ name }) => html`<option value="${name}"></option>`)}</datalist>`
  const body = html`${alert(problem)}
${grantCard(visit, grants, { group: group.id })}
${card(
  'Members',
  html`${table(
    'Members',
    ['Name', 'Role', ''],
    members.map((user) => [
      html`<a href="${to(visit, `/users/${user.id}`)}">${user.name}</a>`,
      user.role,
      action(visit, `/groups/${group.id}/members/${user.id}/remove`, 'Remove', {
        describe: `Remove ${user.name} from the group`,
      }),
    ]),
    'No member yet.',
  )}${form(visit, `/groups/${group.id}/members`, memberField, 'Add', { className: 'filter' })}`,
)}
${card(
  'Group',
  html`${form(visit, `/groups/${group.id}/rename`, input({ name: 'name', label: 'Name', value: group.name, more: html`required maxlength="100"` }), 'Rename', { className: 'filter' })}
<div class="row">${careful(visit, `/groups/${group.id}/delete`, { label: 'Delete', means: 'Its grants go, and sessions that rest on them end. The users stay.', confirm: 'Delete the group' })}</div>`,
)}`
  return page(visit, {
    title: `Group ${group.name}`,
    part: 'Groups',
    up: { path: '/groups', label: 'Groups' },
    body,
    status: problem === null ? 200 : 400,
  })
}

async function rename(visit: PersonVisit): Promise<Answer> {
  const id = param(visit, 'group')
  try {
    await renameGroup(visit.deps.identity, visit.actor, visit.site.id, { id }, field(visit, 'name'))
    return redirect(to(visit, `/groups/${id}`), 'saved')
  } catch (error) {
    return groupPage(visit, mistakeOf(error))
  }
}

async function join(visit: PersonVisit): Promise<Answer> {
  const id = param(visit, 'group')
  const pair = { group: { id }, user: { name: field(visit, 'user') } }
  try {
    await joinGroup(visit.deps.identity, visit.actor, visit.site.id, pair)
    return redirect(to(visit, `/groups/${id}`), 'joined')
  } catch (error) {
    return groupPage(visit, mistakeOf(error))
  }
}
