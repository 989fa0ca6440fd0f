import { toFault } from '#faults'
import { endOwnBrowsers } from '#identity/own-account.ts'
import { cookieLine, readCookie } from '../cookies.ts'
import { html, type Piece } from '../html.ts'
import { smallPage } from '../layout.ts'
import type { Route } from '../route.ts'
import { alert, input } from '../ui.ts'
import { type Answer, field, param, redirect, type Visit } from '../visit.ts'

const WRONG = 'Name or password are wrong, or this account may not come in now.'
const WRONG_CODE = 'This code is wrong, or was used already. The next one comes within half a minute.'

export const LOGIN_ROUTES: readonly Route[] = [
  { method: 'GET', path: '/login', rule: 'public', handle: async (visit) => loginPage(visit, null) },
  { method: 'POST', path: '/login', rule: 'public', handle: logIn },
  { method: 'GET', path: '/login/code', rule: 'public', handle: async (visit) => codePage(visit, null) },
  { method: 'POST', path: '/login/code', rule: 'public', handle: giveCode },
  {
    method: 'GET',
    path: '/assets/:version/:name',
    rule: 'public',
    handle: async (visit) =>
      visit.deps.assets.answer(param(visit, 'version'), param(visit, 'name')) ?? { status: 404 },
  },
  {
    method: 'POST',
    path: '/logout',
    rule: 'person',
    ownSite: true,
    async handle(visit) {
      await endOwnBrowsers(visit.deps.identity, visit.actor, { only: visit.browserId })
      visit.cookies.push(cookieLine('in', null, visit.secure))
      return redirect('/console/login?out=1')
    },
  },
]

async function logIn(visit: Visit): Promise<Answer> {
  const { deps, address, client, siteId } = visit
  const login = field(visit, 'name')
  const password = visit.form.get('password') ?? ''
  const entered = await deps.people.enter({ login, password, address, client, siteId }).catch(busy)
  switch (entered.kind) {
    case 'in':
      visit.cookies.push(cookieLine('in', entered.cookie, visit.secure))
      return redirect(nextOf(visit))
    case 'code':
      visit.cookies.push(cookieLine('code', entered.cookie, visit.secure))
      return redirect(`/console/login/code?next=${encodeURIComponent(nextOf(visit))}`)
    default:
      return { ...loginPage(visit, problemOf(entered, WRONG)), ...statusOf(entered) }
  }
}

function busy(error: unknown) {
  const fault = toFault(error)
  if (fault.code !== 'unavailable') throw error
  return { kind: 'refused', retryAfter: fault.retryAfter ?? 1 } as const
}

type Refusal = { readonly kind: 'refused'; readonly retryAfter: number | null } | { readonly kind: 'over' }

function problemOf(refusal: Refusal, wrong: string): string {
  if (refusal.kind === 'over') return 'That took too long, or too many tries. Give your password again.'
  const { retryAfter } = refusal
  if (retryAfter === null) return wrong
  return `${wrong} After so many tries, wait ${retryAfter} second${retryAfter === 1 ? '' : 's'}.`
}

function statusOf(refusal: Refusal): Pick<Answer, 'status'> {
  return { status: refusal.kind === 'refused' && refusal.retryAfter !== null ? 429 : 401 }
}

async function giveCode(visit: Visit): Promise<Answer> {
  const { deps, address, client, siteId } = visit
  const cookie = readCookie(visit.exchange.request, 'code', visit.secure)
  if (cookie === null) return loginPage(visit, problemOf({ kind: 'over' }, ''), 401)
  const code = field(visit, 'code')
  const entered = await deps.people.confirm({ cookie, code, address, client, siteId })
  if (entered.kind === 'refused') {
    return { ...codePage(visit, problemOf(entered, WRONG_CODE)), ...statusOf(entered) }
  }
  visit.cookies.push(cookieLine('code', null, visit.secure))
  if (entered.kind === 'over') return loginPage(visit, problemOf(entered, ''), 401)
  visit.cookies.push(cookieLine('in', entered.cookie, visit.secure))
  return redirect(nextOf(visit))
}

/** Where to go after the login: a page of ours, and no other. */
function nextOf({ form, query }: Visit): string {
  const next = form.get('next') ?? query.get('next') ?? ''
  return /^\/console(\/[\w\-.~%/]*)?(\?[\w\-.~%=&+]*)?$/.test(next) ? next : '/console'
}

function hiddenNext(visit: Visit): Piece {
  return html`<input type="hidden" name="next" value="${nextOf(visit)}">`
}

function loginPage(visit: Visit, problem: string | null, status = 200): Answer {
  const name = field(visit, 'name') || (visit.query.get('name') ?? '')
  const out = visit.query.has('out') && problem === null
  const body = html`${alert(problem)}
${out && html`<p class="note good" role="status">You are logged out.</p>`}
<form method="post" action="/console/login" class="stack">${hiddenNext(visit)}
${input({ name: 'name', label: 'Name', value: name, more: html`required maxlength="100" autocomplete="username" autocapitalize="none" spellcheck="false"${name === '' && html` autofocus`}` })}
${input({ name: 'password', label: 'Password', type: 'password', more: html`required maxlength="256" autocomplete="current-password"${name !== '' && html` autofocus`}` })}
<p class="row"><button type="submit" class="wide">Log in</button></p>
</form>
<p class="hint">No password yet, or forgotten? An administrator makes you a one-time link.</p>`
  return smallPage(visit, { title: 'Log in', body, status })
}

function codePage(visit: Visit, problem: string | null): Answer {
  const body = html`${alert(problem)}
<form method="post" action="/console/login/code" class="stack">${hiddenNext(visit)}
${input({ name: 'code', label: 'Code', hint: 'The six digits that your authenticator shows, or one of your recovery codes.', more: html`required maxlength="20" autocomplete="one-time-code" inputmode="text" autocapitalize="none" spellcheck="false" autofocus` })}
<p class="row"><button type="submit" class="wide">Go on</button></p>
</form>
<p class="hint"><a href="/console/login">Start again</a></p>`
  return smallPage(visit, { title: 'Second factor', body })
}
