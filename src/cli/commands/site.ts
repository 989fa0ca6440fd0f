import { mkdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { siteJson } from '#identity/json.ts'
import { addSite, listSites } from '#identity/sites.ts'
import type { Command } from '../command.ts'
import { splitList } from '../parse.ts'
import { day } from '../words.ts'

const add: Command = {
  path: 'site add',
  summary: 'make a site: a tenant with its own users, keys and files',
  details: `The site's files lie in a folder of this machine. Where several sites share one address, the
host name that a client asks for tells which one it means; without one, the key does.`,
  arguments: [{ name: 'NAME', help: 'what the site is called' }],
  options: {
    folder: {
      type: 'string',
      value: 'DIR',
      help: 'where its files are (default: files/NAME in the data folder)',
    },
    hosts: { type: 'string', value: 'A,B', help: 'host names that are this site’s' },
  },
  examples: [
    'latchkey site add acme',
    'latchkey site add acme --folder /srv/acme --hosts files.acme.example',
  ],
  async run({ identity, actor, args: [name = ''], text, dataDir, out }) {
    const folder = resolve(text('folder') ?? join(dataDir, 'files', name))
    const hosts = splitList(text('hosts') ?? '')
    const { site } = await addSite(identity, actor, { name, folder, hosts })
    await mkdir(folder, { recursive: true })
    const next = `Next: latchkey user add anna --role administrator --site '${site.name}'`
    out.result(
      { ...siteJson(site), folder },
      `Site '${site.name}' was made; its files lie in ${folder}.\n${next}`,
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
    out.list({
      values: sites.map(siteJson),
      columns: [
        { title: 'ID', whole: true },
        { title: 'NAME' },
        { title: 'STATE' },
        { title: 'HOSTS' },
        { title: 'MADE' },
      ],
      rows: sites.map((site) => [
        site.id,
        site.name,
        site.enabled ? 'active' : 'disabled',
        site.hosts.join(', '),
        day(site.createdAt),
      ]),
      empty: "There is no site yet; 'latchkey site add NAME' makes one.",
    })
  },
}

export const SITE_COMMANDS: readonly Command[] = [add, list]
