import { timingSafeEqual } from 'node:crypto'
import { Fault, toFault } from '#faults'
import { type Actor, administeredSite, keyReach, siteFor } from '#identity/actor.ts'
import type { SiteDetails } from '#identity/ports.ts'
import { cookieLine, readCookie } from './cookies.ts'
import type { Route, Rule } from './route.ts'
import { type Answer, type PersonVisit, redirect, type Visit } from './visit.ts'

type PersonRoute = Exclude<Route, { readonly rule: 'public' }>

/**
 * Lets somebody who is logged in use a route, at the site that the address names (REQUIREMENTS.md, U4). The
 * session lives until the answer is out. Faults: forbidden, not_found, unauthenticated.
 */
export async function enter(visit: Visit, route: PersonRoute, aim: string | null): Promise<Answer | null> {
  const { deps, exchange, address, client } = visit
  const cookie = readCookie(exchange.request, 'in', visit.secure)
  const isPage = visit.method === 'GET' && !route.path.endsWith('*')
  const at = { address, client, siteId: visit.siteId }
  const resumed = cookie === null ? null : await deps.people.resume({ cookie, mayRotate: isPage, ...at })
  if (resumed === null) return askForLogin(visit, cookie)
  const { principal, browserId, csrf } = resumed
  if (resumed.cookie !== null) visit.cookies.push(cookieLine('in', resumed.cookie, visit.secure))
  if (visit.method !== 'GET' && visit.method !== 'HEAD') checkToken(visit, csrf)
  using session = deps.gate.open(principal, { door: 'rest', address, client })
  const actor = { kind: 'principal', principal, door: 'rest', address } as const
  const siteId = aim ?? principal.siteId
  const site = await siteFor(deps.identity, actor, siteId)
  const isBelow = site.id !== principal.siteId
  if (isBelow && route.ownSite) throw new Fault('not_found', 'there is no such page at a site below your own')
  const { isAdministrator, mayKeys } = await rightsOf(visit, actor, site)
  refuseUnlessFit(route.rule, { isAdministrator, mayKeys })
  const person: PersonVisit = {
    ...visit,
    session,
    actor,
    userName: principal.user?.name ?? '',
    browserId,
    csrf,
    site,
    isBelow,
    isAdministrator,
    mayKeys,
  }
  // Awaited here: `using` ends the session when this function returns, and with it all that revocation reaches.
  return await route.handle(person)
}

async function rightsOf(
  { deps: { identity } }: Visit,
  actor: Actor,
  site: SiteDetails,
): Promise<{ isAdministrator: boolean; mayKeys: boolean }> {
  const isAdministrator = await administeredSite(identity, actor, site.id).then(() => true, unlessForbidden)
  return { isAdministrator, mayKeys: isAdministrator || reachesKeys(() => keyReach(identity, actor, site)) }
}

function reachesKeys(ask: () => unknown): boolean {
  try {
    ask()
    return true
  } catch (error) {
    return unlessForbidden(error)
  }
}

function unlessForbidden(error: unknown): false {
  if (toFault(error).code === 'forbidden') return false
  throw error
}

function refuseUnlessFit(rule: Rule, may: { isAdministrator: boolean; mayKeys: boolean }): void {
  if (rule === 'administrator' && !may.isAdministrator) {
    throw new Fault('forbidden', 'only administrators of this site use this page')
  }
  if (rule === 'keys' && !may.mayKeys) {
    throw new Fault('forbidden', 'on this site administrators see to the keys')
  }
}

function askForLogin(visit: Visit, cookie: string | null): Answer {
  if (cookie !== null) visit.cookies.push(cookieLine('in', null, visit.secure))
  if (visit.method !== 'GET') throw new Fault('unauthenticated', 'your login is over; log in again')
  const next = visit.exchange.request.url ?? ''
  return redirect(`/console/login${next === '/console' ? '' : `?next=${encodeURIComponent(next)}`}`)
}

/** The session's token comes with each change: in the form, or in a header of our scripts. */
function checkToken({ form, exchange }: Visit, csrf: string): void {
  const given = form.get('csrf') ?? exchange.request.headers['x-csrf-token']
  const a = Buffer.from(String(given ?? ''))
  const b = Buffer.from(csrf)
  if (a.length === b.length && timingSafeEqual(a, b)) return
  throw new Fault('forbidden', 'this page is out of date; load it again and repeat what you did')
}
