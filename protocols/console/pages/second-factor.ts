import { renderSVG } from 'uqr'
import {
  beginSecondFactor,
  confirmSecondFactor,
  pendingSecondFactor,
  removeOwnSecondFactor,
  renewRecoveryCodes,
} from '#identity/second-factor.ts'
import { html, trusted } from '../html.ts'
import { icon } from '../icons.ts'
import { page } from '../layout.ts'
import type { Route } from '../route.ts'
import { alert, card, form, input } from '../ui.ts'
import { type Answer, field, type PersonVisit, redirect } from '../visit.ts'
import { reprove } from './account.ts'
import { mistakeOf } from './keys.ts'

export const SECOND_FACTOR_ROUTES: readonly Route[] = [
  { method: 'POST', path: '/account/factor', rule: 'person', ownSite: true, handle: begin },
  {
    method: 'GET',
    path: '/account/factor',
    rule: 'person',
    ownSite: true,
    handle: (visit) => setUpPage(visit, null),
  },
  { method: 'POST', path: '/account/factor/confirm', rule: 'person', ownSite: true, handle: confirm },
  { method: 'POST', path: '/account/factor/remove', rule: 'person', ownSite: true, handle: remove },
  { method: 'POST', path: '/account/factor/codes', rule: 'person', ownSite: true, handle: renew },
]

async function begin(visit: PersonVisit): Promise<Answer> {
  await reprove(visit)
  await beginSecondFactor(visit.deps.identity, visit.actor)
  return redirect('/console/account/factor')
}

async function setUpPage(visit: PersonVisit, problem: string | null): Promise<Answer> {
  const { secret, uri } = await pendingSecondFactor(visit.deps.identity, visit.actor)
  const picture = trusted(renderSVG(uri, { border: 2, whiteColor: '#fff', blackColor: '#000' }))
  const grouped = secret.match(/.{1,4}/g)?.join(' ') ?? secret
  const code = input({
    name: 'code',
    label: 'Code',
    hint: 'The six digits that it shows now.',
    more: html`required maxlength="9" inputmode="numeric" autocomplete="one-time-code" autofocus`,
  })
  const body = html`${alert(problem)}
${card(
  'In your authenticator',
  html`<div class="qr"><div role="img" aria-label="QR code of the secret; the text beside it says the same">${picture}</div><div><p>Scan this with an authenticator app, or type the secret:</p><p><code class="big">${grouped}</code></p>${form(visit, '/account/factor/confirm', code, 'Turn it on')}</div></div>`,
)}`
  return page(visit, {
    title: 'Set up the second factor',
    part: 'Account',
    up: { path: '/account', label: 'Account' },
    body,
    status: problem === null ? 200 : 400,
  })
}

async function confirm(visit: PersonVisit): Promise<Answer> {
  const { deps, actor, browserId } = visit
  try {
    return codesPage(visit, await confirmSecondFactor(deps.identity, actor, field(visit, 'code'), browserId))
  } catch (error) {
    return setUpPage(visit, mistakeOf(error))
  }
}

function codesPage(visit: PersonVisit, codes: readonly string[]): Answer {
  const body = html`<p class="note warn" role="status">${icon('warning')}The second factor is on. Keep these codes where you find them without your telephone: each lets you in once. They are shown this once.</p>
${card('Recovery codes', html`<pre class="codes" id="codes" tabindex="0" aria-label="Recovery codes">${codes.join('\n')}</pre><p class="row"><button type="button" class="quiet" data-copy="codes" hidden>Copy<span class="unseen"> the recovery codes</span></button><a class="button" href="/console/account">I have them</a></p>`)}`
  return page(visit, { title: 'Your recovery codes', part: 'Account', body, scripts: ['copy.js'] })
}

async function remove(visit: PersonVisit): Promise<Answer> {
  await reprove(visit)
  await removeOwnSecondFactor(visit.deps.identity, visit.actor)
  return redirect('/console/account', 'factor-off')
}

async function renew(visit: PersonVisit): Promise<Answer> {
  await reprove(visit)
  return codesPage(visit, await renewRecoveryCodes(visit.deps.identity, visit.actor))
}
