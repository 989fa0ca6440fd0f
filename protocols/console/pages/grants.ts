import { addGrant, removeGrant } from '#identity/grants.ts'
import type { NamedGrant } from '#identity/ports.ts'
import { LEVELS, rightNames } from '#permissions/grants.ts'
import { type Html, html, type Piece } from '../html.ts'
import type { Route } from '../route.ts'
import { action, card, form, input, select, table, tag } from '../ui.ts'
import { type Answer, field, type PersonVisit, param, redirect, to } from '../visit.ts'

export const GRANT_ROUTES: readonly Route[] = [
  { method: 'POST', path: '/grants', rule: 'administrator', handle: grant },
  {
    method: 'POST',
    path: '/grants/:grant/remove',
    rule: 'administrator',
    async handle(visit) {
      await removeGrant(visit.deps.identity, visit.actor, visit.site.id, param(visit, 'grant'))
      return redirect(backOf(visit), 'grant-removed')
    },
  },
]

/** Grants of one user or group, with a form for one more. */
export function grantCard(
  visit: PersonVisit,
  grants: readonly NamedGrant[],
  holder: { readonly user: string } | { readonly group: string },
): Html {
  const [kind, id] = 'user' in holder ? (['user', holder.user] as const) : (['group', holder.group] as const)
  const back = html`<input type="hidden" name="${kind}" value="${id}">`
  const rows = grants.map((one) => [
    html`<code>${one.path}</code>`,
    levelOf(one.rights),
    one.recursive ? 'and all below' : 'this folder only',
    action(visit, `/grants/${one.id}/remove`, 'Remove', {
      fields: back,
      describe: `Remove the grant on ${one.path}`,
    }),
  ])
  const levels = [...LEVELS.keys()].map((name) => [name, name] as const)
  const fields = html`${back}${input({ name: 'path', label: 'Folder', value: '/', more: html`required spellcheck="false"` })}${select({ name: 'level', label: 'Level', value: 'full' }, levels)}${select(
    { name: 'recursive', label: 'Reach' },
    [
      ['yes', 'and all below'],
      ['no', 'this folder only'],
    ],
  )}`
  return card(
    'Grants',
    html`${table('Grants', ['Folder', 'Rights', 'Reach', ''], rows, kind === 'user' ? 'No grant of their own. Groups may give some.' : 'No grant.')}${form(visit, '/grants', fields, 'Add the grant', { className: 'filter' })}`,
  )
}

function levelOf(rights: number): Piece {
  const level = [...LEVELS].find(([, bits]) => bits === rights)?.[0]
  const names = rightNames(rights).join(', ')
  return level === undefined ? names : html`${tag(level)}<span class="hint">${names}</span>`
}

async function grant(visit: PersonVisit): Promise<Answer> {
  const { deps, actor, site } = visit
  const user = field(visit, 'user')
  const group = field(visit, 'group')
  await addGrant(deps.identity, actor, site.id, {
    ...(user !== '' && { user: { id: user } }),
    ...(group !== '' && { group: { id: group } }),
    path: field(visit, 'path'),
    rights: [field(visit, 'level')],
    recursive: field(visit, 'recursive') !== 'no',
  })
  return redirect(backOf(visit), 'grant-added')
}

function backOf(visit: PersonVisit): string {
  const group = field(visit, 'group')
  const place = group === '' ? `/users/${field(visit, 'user')}` : `/groups/${group}`
  return to(visit, /^\/(users|groups)\/\w{1,40}$/.test(place) ? place : '/users')
}
