import { Fault } from '#faults'
import { listKeys } from '#identity/keys.ts'
import {
  changeOwnPassword,
  endOwnBrowsers,
  listOwnBrowsers,
  ownSshKeys,
  ownUser,
} from '#identity/own-account.ts'
import { MIN_PASSWORD_LENGTH } from '#identity/password-rule.ts'
import type { SshKeyDetails } from '#identity/ports.ts'
import { type SecondFactorState, secondFactorOf } from '#identity/second-factor.ts'
import { addSshKey, removeSshKey } from '#identity/ssh-keys.ts'
import { type Html, html, type Piece } from '../html.ts'
import { page } from '../layout.ts'
import type { Route } from '../route.ts'
import { action, alert, card, distance, facts, form, input, table, tag, textarea, timeOr } from '../ui.ts'
import { type Answer, field, nowOf, type PersonVisit, param, redirect, to } from '../visit.ts'
import { mistakeOf, stateTag } from './keys.ts'

export const ACCOUNT_ROUTES: readonly Route[] = [
  {
    method: 'GET',
    path: '/account',
    rule: 'person',
    ownSite: true,
    handle: (visit) => accountPage(visit, null),
  },
  { method: 'POST', path: '/account/password', rule: 'person', ownSite: true, handle: changePassword },
  {
    method: 'POST',
    path: '/account/browsers/:browser/end',
    rule: 'person',
    ownSite: true,
    async handle(visit) {
      await endOwnBrowsers(visit.deps.identity, visit.actor, { only: param(visit, 'browser') })
      return redirect('/console/account', 'session-ended')
    },
  },
  {
    method: 'POST',
    path: '/account/browsers/end-others',
    rule: 'person',
    ownSite: true,
    async handle(visit) {
      await endOwnBrowsers(visit.deps.identity, visit.actor, { except: visit.browserId })
      return redirect('/console/account', 'browsers-ended')
    },
  },
  { method: 'POST', path: '/account/ssh-keys', rule: 'keys', ownSite: true, handle: addOwnSshKey },
  {
    method: 'POST',
    path: '/account/ssh-keys/:id/remove',
    rule: 'keys',
    ownSite: true,
    async handle(visit) {
      const { deps, actor, site } = visit
      await removeSshKey(deps.identity, actor, site.id, { id: ownId(visit) }, param(visit, 'id'))
      return redirect('/console/account', 'ssh-removed')
    },
  },
]

function ownId({ actor }: PersonVisit): string {
  return actor.principal.user?.id ?? ''
}

async function accountPage(visit: PersonVisit, problem: string | null): Promise<Answer> {
  const { deps, actor, site, mayKeys } = visit
  const { identity } = deps
  const user = await ownUser(identity, actor)
  const [browsers, factor, sshKeys, keys] = await Promise.all([
    listOwnBrowsers(identity, actor),
    secondFactorOf(identity, actor),
    ownSshKeys(identity, actor),
    mayKeys ? listKeys(identity, actor, site.id, { user: { id: user.id } }) : [],
  ])
  const now = nowOf(visit)
  const body = html`${alert(problem)}
${card(
  'You',
  facts([
    ['Name', user.name],
    ['Site', site.name],
    ['Role', user.role],
    ['E-mail', user.email ?? html`<span class="soft">none</span>`],
    ['Account ends', timeOr(user.expiresAt, 'never')],
  ]),
)}
<div class="columns">
${card('Password', passwordForm(visit))}
${card('Second factor', factorPart(visit, factor))}
</div>
${
  mayKeys &&
  card(
    'My keys',
    html`${table(
      'My keys',
      ['Key', 'State', 'Ends'],
      keys.map((key) => [
        html`<a href="/console/keys/${key.id}">${key.name}</a>`,
        stateTag(key, now),
        timeOr(key.expiresAt, 'never'),
      ]),
      'You have no key yet.',
    )}`,
    { actions: html`<a href="/console/keys/new">New key</a>` },
  )
}
${card('SSH keys', sshPart(visit, sshKeys, now))}
${card(
  'Where you are logged in',
  table(
    'Logins in browsers',
    ['Browser', 'From', 'Since', 'Last seen', ''],
    browsers.map((browser) => [
      html`${browserName(browser.client)}${browser.id === visit.browserId && html` ${tag('this one', 'good')}`}`,
      browser.address,
      distance(browser.createdAt, now),
      distance(browser.seenAt, now),
      browser.id !== visit.browserId &&
        action(visit, `/account/browsers/${browser.id}/end`, 'End', {
          describe: `End the login from ${browser.address}`,
        }),
    ]),
  ),
  {
    actions:
      browsers.length > 1 &&
      action(visit, '/account/browsers/end-others', 'End all others', { kind: 'plain' }),
  },
)}`
  return page(visit, { title: 'Account', part: 'Account', body, status: problem === null ? 200 : 400 })
}

/** A browser's name for people, from what it calls itself. */
function browserName(client: string): string {
  const known = [
    ['Edg/', 'Edge'],
    ['Firefox/', 'Firefox'],
    ['Chrome/', 'Chrome'],
    ['Safari/', 'Safari'],
  ] as const
  const name = known.find(([mark]) => client.includes(mark))?.[1] ?? (client.slice(0, 40) || 'unknown')
  const system = ['Android', 'iPhone', 'iPad', 'Windows', 'Mac OS', 'Linux'].find((one) =>
    client.includes(one),
  )
  return system === undefined ? name : `${name} on ${system}`
}

function passwordForm(visit: PersonVisit): Html {
  const fresh = html`required minlength="${MIN_PASSWORD_LENGTH}" maxlength="256" autocomplete="new-password"`
  const fields = html`<input type="text" name="username" value="${visit.userName}" autocomplete="username" hidden>
${input({ name: 'current', label: 'Password of now', type: 'password', more: html`required maxlength="256" autocomplete="current-password"` })}
${input({ name: 'password', label: 'New password', type: 'password', hint: `At least ${MIN_PASSWORD_LENGTH} characters. A few words in a row do well.`, more: fresh })}
${input({ name: 'again', label: 'The same again', type: 'password', more: fresh })}`
  return form(visit, '/account/password', fields, 'Change the password')
}

async function changePassword(visit: PersonVisit): Promise<Answer> {
  const { deps, actor, browserId } = visit
  const password = visit.form.get('password') ?? ''
  try {
    if (password !== visit.form.get('again'))
      throw new Fault('invalid', 'the two new passwords are not the same')
    await reprove(visit)
    await changeOwnPassword(deps.identity, actor, password, browserId)
    return redirect('/console/account', 'password')
  } catch (error) {
    return accountPage(visit, mistakeOf(error))
  }
}

/** Asks for the password again: an open browser alone must not be enough. Fault: invalid. */
export async function reprove(visit: PersonVisit): Promise<void> {
  const { deps, actor, address, client } = visit
  const current = visit.form.get('current') ?? ''
  if (await deps.people.reprove(actor.principal, current, { address, client })) return
  throw new Fault('invalid', 'the password of now is wrong, or there were too many tries')
}

function factorPart(visit: PersonVisit, { state, recoveryCodes }: SecondFactorState): Piece {
  const current = input({
    name: 'current',
    label: 'Password of now',
    type: 'password',
    more: html`required maxlength="256" autocomplete="current-password"`,
  })
  if (state === 'on') {
    return html`<p>${tag('on', 'good')} ${recoveryCodes} of 10 recovery codes are left.</p>
<details class="careful"><summary>New recovery codes</summary><div><p>The codes of now stop working.</p>${form(visit, '/account/factor/codes', current, 'Make new codes')}</div></details>
<details class="careful"><summary>Turn it off</summary><div>${form(visit, '/account/factor/remove', current, 'Turn it off')}</div></details>`
  }
  return html`<p>${tag('off')} With a code from your telephone besides the password, a stolen password alone opens nothing. WebDAV, SFTP and FTP then take keys only.</p>
<details class="careful"><summary>Set it up</summary><div>${form(visit, '/account/factor', current, 'Go on')}</div></details>`
}

function sshPart(visit: PersonVisit, keys: readonly SshKeyDetails[], now: number): Html {
  const rows = keys.map((key) => [
    html`<b>${key.name}</b><span class="hint">${key.type}, ${key.fingerprint}</span>`,
    key.lastUsedAt === null ? html`<span class="soft">never</span>` : distance(key.lastUsedAt, now),
    visit.mayKeys &&
      action(visit, `/account/ssh-keys/${key.id}/remove`, 'Remove', {
        describe: `Remove the SSH key ${key.name}`,
      }),
  ])
  const fields = html`${textarea({ name: 'public_key', label: 'Public key', hint: 'The line of a file such as id_ed25519.pub.', more: html`required spellcheck="false"` })}${input({ name: 'name', label: 'Name', hint: 'Empty: the comment in the line.', more: html`maxlength="100"` })}`
  return html`${table('SSH keys', ['Key', 'Last use', ''], rows, 'No SSH key. With one you log in to SFTP without a password.')}
${visit.mayKeys && html`<details class="group"><summary>Add an SSH key</summary>${form(visit, '/account/ssh-keys', fields, 'Add the SSH key')}</details>`}`
}

async function addOwnSshKey(visit: PersonVisit): Promise<Answer> {
  const { deps, actor, site } = visit
  const name = field(visit, 'name')
  try {
    const input = { publicKey: field(visit, 'public_key'), ...(name !== '' && { name }) }
    await addSshKey(deps.identity, actor, site.id, { id: ownId(visit) }, input)
    return redirect(to(visit, '/account'), 'ssh-added')
  } catch (error) {
    return accountPage(visit, mistakeOf(error))
  }
}
