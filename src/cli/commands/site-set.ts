import { Fault } from '#faults'
import { wholeSiteJson } from '#identity/json.ts'
import type { SettingsInput } from '#identity/settings.ts'
import { readLifetime } from '#identity/times.ts'
import type { Command, CommandContext, OptionSpecs } from '../command.ts'
import { CONDITION_OPTIONS, readConditionOptions } from '../conditions.ts'
import { splitList } from '../parse.ts'
import { needChange, readYesNo } from '../people-options.ts'
import { findSite } from '../sites.ts'
import { updateSite } from '../use-cases.ts'
import { NAME } from './site.ts'

const CHANGES: OptionSpecs = {
  name: { type: 'string', value: 'NAME', help: 'another name; the files stay where they are' },
  hosts: { type: 'string', value: 'A,B', help: 'host names that are this site’s; none for none' },
  parent: { type: 'string', value: 'SITE', help: 'the site above it; none for none' },
  'default-key-lifetime': { type: 'string', value: 'TIME', help: 'of keys made without expiry: 30d, never' },
  'max-key-lifetime': {
    type: 'string',
    value: 'TIME',
    help: 'no key lives longer: 365d; never for no limit',
  },
  'allow-never-expire': { type: 'string', value: 'YES|NO', help: 'keys may live without end' },
  'new-keys-start-disabled': { type: 'string', value: 'YES|NO', help: 'new keys wait to be enabled' },
  'users-may-create-keys': { type: 'string', value: 'YES|NO', help: 'members manage keys of their own' },
  'allow-chosen-values': { type: 'string', value: 'YES|NO', help: 'values of keys may be chosen' },
  'password-login': { type: 'string', value: 'YES|NO', help: 'users may log in with a password' },
  'ssh-key-login': { type: 'string', value: 'YES|NO', help: 'users may log in with their SSH keys' },
  'expired-key-retention': { type: 'string', value: 'TIME', help: 'how long expired keys are listed: 90d' },
  ...CONDITION_OPTIONS,
}

const set: Command = {
  path: 'site set',
  summary: 'change a site and its settings; what is not named stays',
  details: `Settings hold for keys that are made or changed from then on. Conditions hold at once, for all
keys and users of the site, beside their own: the narrowest wins.`,
  arguments: [NAME],
  options: CHANGES,
  examples: [
    'latchkey site set main --default-key-lifetime 1d --max-key-lifetime 90d --allow-never-expire no',
    'latchkey site set main --users-may-create-keys yes --password-login no',
    'latchkey site set acme --door sftp,s3 --allow 203.0.113.0/24',
    'latchkey site set acme --parent main --hosts files.acme.example',
  ],
  async run(context) {
    const { identity, actor, args, text, out } = context
    needChange(context, CHANGES)
    const { id } = await findSite(identity, actor, args[0])
    const hosts = text('hosts')
    const changes = {
      name: text('name'),
      hosts: hosts === undefined ? undefined : splitList(hosts === 'none' ? '' : hosts),
      parentId: await readParent(context),
      settings: readSettings(context),
      conditions: readConditionOptions(context),
    }
    const site = await updateSite(identity, actor, id, changes)
    out.result(wholeSiteJson(site), `Site '${site.name}' was changed.`)
  },
}

async function readParent({ identity, actor, text }: CommandContext): Promise<string | null | undefined> {
  const parent = text('parent')
  if (parent === undefined) return undefined
  return parent === 'none' ? null : (await findSite(identity, actor, parent)).id
}

function readSettings({ text }: CommandContext): SettingsInput | undefined {
  const lifetime = (name: string) => readTime(`--${name}`, text(name))
  const yesNo = (name: string) => readYesNo(`--${name}`, text(name))
  const settings: SettingsInput = {
    defaultKeyLifetime: lifetime('default-key-lifetime'),
    maxKeyLifetime: lifetime('max-key-lifetime'),
    allowNeverExpire: yesNo('allow-never-expire'),
    newKeysStartDisabled: yesNo('new-keys-start-disabled'),
    usersMayCreateKeys: yesNo('users-may-create-keys'),
    allowChosenValues: yesNo('allow-chosen-values'),
    passwordLogin: yesNo('password-login'),
    sshKeyLogin: yesNo('ssh-key-login'),
    expiredKeyRetention: lifetime('expired-key-retention'),
  }
  return Object.values(settings).some((value) => value !== undefined) ? settings : undefined
}

function readTime(option: string, text: string | undefined): number | null | undefined {
  if (text === undefined) return undefined
  const lifetime = readLifetime(text)
  if (lifetime === undefined) throw new Fault('invalid', `${option} is like 12h, 30d or never, not '${text}'`)
  return lifetime
}

export const SITE_SET_COMMANDS: readonly Command[] = [set]
