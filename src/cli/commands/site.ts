import { mkdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { Fault } from '#faults'
import { siteJson, wholeSiteJson } from '#identity/json.ts'
import { durationText } from '#identity/times.ts'
import type { Command, CommandContext } from '../command.ts'
import { conditionFields } from '../conditions.ts'
import { splitList } from '../parse.ts'
import { findSite } from '../sites.ts'
import { addSite, deleteSite, listMounts, listSites, updateSite } from '../use-cases.ts'
import { day, yesNo } from '../words.ts'

export const NAME = { name: 'NAME', help: 'the site’s name' }

const add: Command = {
  path: 'site add',
  summary: 'make a site: a tenant with its own users, keys and files',
  details: `The site's files lie in a folder of this machine. Where several sites share one address, the
host name that a client asks for tells which one it means; without one, the key does.
Administrators of a parent administer its children with their own login; no key opens both.`,
  arguments: [{ name: 'NAME', help: 'what the site is called' }],
  options: {
    folder: {
      type: 'string',
      value: 'DIR',
      help: 'where its files are (default: files/NAME in the data folder)',
    },
    hosts: { type: 'string', value: 'A,B', help: 'host names that are this site’s' },
    parent: { type: 'string', value: 'SITE', help: 'the site above it' },
  },
  examples: [
    'latchkey site add acme',
    'latchkey site add acme --folder /srv/acme --hosts files.acme.example',
    'latchkey site add acme-berlin --parent acme',
  ],
  async run({ identity, actor, args: [name = ''], text, local, out }) {
    if (!local && text('folder') !== undefined) {
      throw new Fault('invalid', 'folders are named on the server’s own machine only: leave --folder away')
    }
    const folder = local ? resolve(text('folder') ?? join(local.dataDir, 'files', name)) : undefined
    const hosts = splitList(text('hosts') ?? '')
    const parent = text('parent')
    const parentId = parent === undefined ? undefined : (await findSite(identity, actor, parent)).id
    const { site } = await addSite(identity, actor, { name, folder, hosts, parentId })
    if (folder !== undefined) await mkdir(folder, { recursive: true })
    const next = `Next: latchkey user add anna --role administrator --site '${site.name}'`
    const where = folder === undefined ? 'in a folder of the server' : `in ${folder}`
    out.result(
      { ...siteJson(site), ...(folder !== undefined && { folder }) },
      `Site '${site.name}' was made; its files lie ${where}.\n${next}`,
    )
  },
}

const list: Command = {
  path: 'site list',
  summary: 'list the sites',
  arguments: [],
  options: {},
  examples: ['latchkey site list', 'latchkey site list --json'],
  async run({ identity, actor, out }) {
    const sites = await listSites(identity, actor)
    const names = new Map(sites.map(({ id, name }) => [id, name]))
    out.list({
      values: sites.map(siteJson),
      columns: [
        { title: 'ID', whole: true },
        { title: 'NAME' },
        { title: 'PARENT' },
        { title: 'STATE' },
        { title: 'HOSTS' },
        { title: 'MADE' },
      ],
      rows: sites.map((site) => [
        site.id,
        site.name,
        names.get(site.parentId ?? '') ?? '-',
        site.enabled ? 'active' : 'disabled',
        site.hosts.join(', '),
        day(site.createdAt),
      ]),
      empty: "There is no site yet; 'latchkey site add NAME' makes one.",
    })
  },
}

const show: Command = {
  path: 'site show',
  summary: 'show one site and its settings',
  arguments: [NAME],
  options: {},
  examples: ['latchkey site show main'],
  async run(context) {
    const { identity, actor, args, out } = context
    const site = await findSite(identity, actor, args[0])
    const { settings } = site
    const parent = (await listSites(identity, actor)).find(({ id }) => id === site.parentId)
    out.result(wholeSiteJson(site), `Site '${site.name}'`, [
      ['id', site.id],
      ['state', site.enabled ? 'active' : 'disabled'],
      ['parent', parent?.name ?? '-'],
      ['hosts', site.hosts.join(', ') || '-'],
      ['default key lifetime', durationText(settings.defaultKeyLifetime)],
      ['longest key lifetime', durationText(settings.maxKeyLifetime)],
      ['keys may never expire', yesNo(settings.allowNeverExpire)],
      ['new keys start disabled', yesNo(settings.newKeysStartDisabled)],
      ['users may create keys', yesNo(settings.usersMayCreateKeys)],
      ['chosen values', yesNo(settings.allowChosenValues)],
      ['password login', yesNo(settings.passwordLogin)],
      ['SSH key login', yesNo(settings.sshKeyLogin ?? true)],
      ['expired keys are kept for', durationText(settings.expiredKeyRetention)],
      ...conditionFields(site.conditions),
      ['made', day(site.createdAt)],
    ])
  },
}

const disable: Command = {
  path: 'site disable',
  summary: 'stop all keys and sessions of a site at once',
  arguments: [NAME],
  options: {},
  examples: ['latchkey site disable acme'],
  run: (context) => setEnabled(context, false),
}

const enable: Command = {
  path: 'site enable',
  summary: 'let a disabled site work again',
  arguments: [NAME],
  options: {},
  examples: ['latchkey site enable acme'],
  run: (context) => setEnabled(context, true),
}

const remove: Command = {
  path: 'site delete',
  summary: 'delete a site with its users, keys and grants; its files stay on disk',
  details: 'This cannot be undone, and needs --force. Child sites go first. The audit keeps what was done.',
  arguments: [NAME],
  options: { force: { type: 'boolean', help: 'really delete it' } },
  examples: ['latchkey site delete acme --force'],
  async run({ identity, actor, args: [name], flag, out }) {
    const site = await findSite(identity, actor, name)
    if (!flag('force')) {
      throw new Fault(
        'invalid',
        `this deletes all users, keys and grants of '${site.name}'; --force does it, 'latchkey site disable' stops it for a while`,
      )
    }
    const mounts = await listMounts(identity, actor, site.id)
    const folders = mounts.map(({ settings }) => settings.root).filter((root) => root !== '')
    await deleteSite(identity, actor, site.id, site.name)
    const left = folders.length === 0 ? '' : `\nIts files stay in ${folders.join(', ')}.`
    out.result(
      { id: site.id, name: site.name, deleted: true, folders },
      `Site '${site.name}' is gone.${left}`,
    )
  },
}

async function setEnabled(context: CommandContext, enabled: boolean): Promise<void> {
  const { identity, actor, args, out } = context
  const { id } = await findSite(identity, actor, args[0])
  const site = await updateSite(identity, actor, id, { enabled })
  const words = enabled ? 'is enabled' : 'is disabled; its keys and sessions have stopped'
  out.result(siteJson(site), `Site '${site.name}' ${words}.`)
}

export const SITE_COMMANDS: readonly Command[] = [add, list, show, disable, enable, remove]
