import { Fault } from '#faults'
import { trashDaysOf } from '#files/ports.ts'
import { listMounts } from '#identity/mounts.ts'
import type { SettingsInput } from '#identity/settings.ts'
import { updateSite } from '#identity/sites.ts'
import { durationText, readLifetime } from '#identity/times.ts'
import { html } from '../html.ts'
import { page } from '../layout.ts'
import type { Route } from '../route.ts'
import { alert, card, check, facts, form, input, table, tag } from '../ui.ts'
import { type Answer, field, type PersonVisit, redirect, to } from '../visit.ts'
import { conditionFields, readConditionFields } from './key-form.ts'
import { mistakeOf } from './keys.ts'

export const SETTINGS_ROUTES: readonly Route[] = [
  { method: 'GET', path: '/settings', rule: 'administrator', handle: (visit) => settingsPage(visit, null) },
  { method: 'POST', path: '/settings', rule: 'administrator', handle: save },
]

async function settingsPage(visit: PersonVisit, problem: string | null): Promise<Answer> {
  const { deps, actor, site } = visit
  const mounts = await listMounts(deps.identity, actor, site.id)
  const { settings } = site
  const span = (name: string, label: string, value: number | null, hint: string) =>
    input({
      name,
      label,
      value: durationText(value),
      hint,
      more: html`required pattern="never|[0-9]{1,6}[smhdw]" spellcheck="false"`,
    })
  const fields = html`<fieldset><legend>Keys</legend><div class="three">
${span('default_lifetime', 'Usual lifetime', settings.defaultKeyLifetime, 'Such as 30d, 12h or never.')}
${span('max_lifetime', 'Longest lifetime', settings.maxKeyLifetime, 'never: no limit.')}
${span('retention', 'Keep expired keys', settings.expiredKeyRetention, 'Then their rows go.')}</div>
<div class="checks">
${check('checkbox', 'never', 'yes', { label: 'Keys may never end', about: 'Where there is no longest lifetime.', on: settings.allowNeverExpire })}
${check('checkbox', 'own_keys', 'yes', { label: 'Members see to their own keys', about: 'They create, change and delete keys of their own, and SSH keys.', on: settings.usersMayCreateKeys })}
${check('checkbox', 'start_disabled', 'yes', { label: 'New keys wait', about: 'Until somebody enables them.', on: settings.newKeysStartDisabled })}
${check('checkbox', 'chosen', 'yes', { label: 'Values may be chosen', about: 'A long random value is better.', on: settings.allowChosenValues })}
</div></fieldset>
<fieldset><legend>People</legend><div class="checks">
${check('checkbox', 'passwords', 'yes', { label: 'Own passwords open the doors', about: 'WebDAV, SFTP, FTP and REST. The console takes them in any case. Who has a second factor uses keys.', on: settings.passwordLogin })}
${check('checkbox', 'ssh_keys', 'yes', { label: 'SSH keys open SFTP', about: 'The public keys that people or administrators put in.', on: settings.sshKeyLogin !== false })}
</div></fieldset>
${conditionFields(site.conditions)}`
  const body = html`${alert(problem)}
${card(
  'Site',
  facts([
    ['Name', site.name],
    ['Id', html`<code>${site.id}</code>`],
    ['Host names', site.hosts.join(', ') || 'none'],
    ['State', site.enabled ? tag('enabled', 'good') : tag('disabled', 'warn')],
  ]),
)}
${card('Settings', form(visit, '/settings', fields, 'Save'))}
${card(
  'Storages',
  table(
    'Storages',
    ['Path', 'Kind', 'Trash', ''],
    mounts.map((mount) => [
      html`<code>${mount.path}</code>`,
      mount.type,
      trashDaysOf(mount) === 0 ? 'none' : `${trashDaysOf(mount)} days`,
      mount.readOnly && tag('read-only', 'warn'),
    ]),
  ),
)}`
  return page(visit, { title: 'Settings', part: 'Settings', body, status: problem === null ? 200 : 400 })
}

async function save(visit: PersonVisit): Promise<Answer> {
  const { deps, actor, site, form: given } = visit
  try {
    const settings: SettingsInput = {
      defaultKeyLifetime: lifetimeOf(visit, 'default_lifetime'),
      maxKeyLifetime: lifetimeOf(visit, 'max_lifetime'),
      expiredKeyRetention: lifetimeOf(visit, 'retention'),
      allowNeverExpire: given.has('never'),
      usersMayCreateKeys: given.has('own_keys'),
      newKeysStartDisabled: given.has('start_disabled'),
      allowChosenValues: given.has('chosen'),
      passwordLogin: given.has('passwords'),
      sshKeyLogin: given.has('ssh_keys'),
    }
    const conditions = readConditionFields(visit, site.conditions)
    await updateSite(deps.identity, actor, site.id, { settings, conditions })
    return redirect(to(visit, '/settings'), 'saved')
  } catch (error) {
    return settingsPage(visit, mistakeOf(error))
  }
}

function lifetimeOf(visit: PersonVisit, name: string): number | null {
  const lifetime = readLifetime(field(visit, name))
  if (lifetime === undefined)
    throw new Fault('invalid', `'${field(visit, name)}' is no span such as 30d, 12h or never`)
  return lifetime
}
