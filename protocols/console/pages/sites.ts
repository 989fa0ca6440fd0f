import type { SiteDetails } from '#identity/ports.ts'
import { addSite, deleteSite, listSites, updateSite } from '#identity/sites.ts'
import { type Html, html } from '../html.ts'
import { page } from '../layout.ts'
import type { Route } from '../route.ts'
import { action, alert, card, careful, form, input, table, tag, timeOr } from '../ui.ts'
import { type Answer, field, type PersonVisit, param, redirect, to } from '../visit.ts'
import { mistakeOf } from './keys.ts'

export const SITE_ROUTES: readonly Route[] = [
  { method: 'GET', path: '/sites', rule: 'administrator', handle: (visit) => list(visit, null) },
  { method: 'POST', path: '/sites', rule: 'administrator', handle: create },
  { method: 'POST', path: '/sites/:site/disable', rule: 'administrator', handle: change(false) },
  { method: 'POST', path: '/sites/:site/enable', rule: 'administrator', handle: change(true) },
  {
    method: 'POST',
    path: '/sites/:site/delete',
    rule: 'administrator',
    async handle(visit) {
      const confirm = visit.form.get('confirm') ?? ''
      await deleteSite(visit.deps.identity, visit.actor, param(visit, 'site'), confirm)
      return redirect('/console/sites', 'site-deleted')
    },
  },
]

function change(enabled: boolean) {
  return async (visit: PersonVisit): Promise<Answer> => {
    await updateSite(visit.deps.identity, visit.actor, param(visit, 'site'), { enabled })
    return redirect(to(visit, '/sites'), enabled ? 'site-enabled' : 'site-disabled')
  }
}

async function list(visit: PersonVisit, problem: string | null): Promise<Answer> {
  const { deps, actor, site } = visit
  const sites = await listSites(deps.identity, actor)
  const ownId = actor.principal.siteId
  const rows = inTree(sites, ownId).map(({ one, depth }) => [
    html`<span class="depth-${Math.min(depth, 5)}"><a href="${one.id === ownId ? '/console' : `/console/at/${one.id}`}"><b>${one.name}</b></a></span>`,
    one.enabled ? tag('enabled', 'good') : tag('disabled', 'warn'),
    one.hosts.join(', ') || html`<span class="soft">none</span>`,
    timeOr(one.createdAt, ''),
    one.id === ownId ? html`<span class="soft">your site</span>` : actionsFor(visit, one),
  ])
  const fields = html`${input({ name: 'name', label: 'Name', value: field(visit, 'name'), more: html`required maxlength="100"` })}${input({ name: 'hosts', label: 'Host names', value: field(visit, 'hosts'), hint: 'Connections to these are for the site. Several: with spaces.', more: html`spellcheck="false"` })}`
  const body = html`${alert(problem)}<p class="hint">You administer these sites with your own login. No key of one opens another.</p>
${table('Sites', ['Name', 'State', 'Host names', 'Made', ''], rows)}
${card(`New site below ${site.name}`, form(visit, '/sites', fields, 'Make the site'))}`
  return page(visit, { title: 'Sites', part: 'Sites', body, status: problem === null ? 200 : 400 })
}

function inTree(sites: readonly SiteDetails[], rootId: string) {
  const found: { readonly one: SiteDetails; readonly depth: number }[] = []
  const walk = (one: SiteDetails, depth: number) => {
    found.push({ one, depth })
    for (const child of sites) if (child.parentId === one.id) walk(child, depth + 1)
  }
  const root = sites.find(({ id }) => id === rootId)
  if (root !== undefined) walk(root, 0)
  return found
}

function actionsFor(visit: PersonVisit, one: SiteDetails): Html {
  const confirm = html`<label>Its name, to be sure<input name="confirm" required autocomplete="off"></label>`
  return html`<div class="row">${one.enabled ? action(visit, `/sites/${one.id}/disable`, 'Disable', { describe: `Disable the site ${one.name}` }) : action(visit, `/sites/${one.id}/enable`, 'Enable', { describe: `Enable the site ${one.name}` })}${careful(visit, `/sites/${one.id}/delete`, { label: 'Delete', means: `The site ${one.name} goes with its users, groups, keys and grants. Its files stay on the disk. This cannot be undone.`, confirm: 'Delete the site', fields: confirm })}</div>`
}

async function create(visit: PersonVisit): Promise<Answer> {
  const { deps, actor, site } = visit
  try {
    const hosts = field(visit, 'hosts')
      .split(/[\s,]+/)
      .filter((host) => host !== '')
    const made = await addSite(deps.identity, actor, { name: field(visit, 'name'), hosts, parentId: site.id })
    return redirect(`/console/at/${made.site.id}/settings`, 'site-made')
  } catch (error) {
    return list(visit, mistakeOf(error))
  }
}
