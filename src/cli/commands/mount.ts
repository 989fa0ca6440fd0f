import { mkdir } from 'node:fs/promises'
import { resolve } from 'node:path'
import { Fault } from '#faults'
import { type MountRecord, trashDaysOf } from '#files/ports.ts'
import { mountJson } from '#identity/json.ts'
import type { Command, CommandContext, OptionSpec } from '../command.ts'
import { addMount, changeMount, listMounts, removeMount } from '../use-cases.ts'

const MOUNT = { name: 'MOUNT', help: "its id or path, as 'latchkey mount list' shows them" }

const TRASH_DAYS: OptionSpec = {
  type: 'string',
  value: 'N',
  help: 'days for which deleted files are kept (default: 7); 0: not at all',
}

const add: Command = {
  path: 'mount add',
  summary: 'show a folder of this machine in the site’s tree',
  details:
    'The folder is made when it is not there. It appears on every door at once, for those with grants.',
  arguments: [],
  options: {
    path: { type: 'string', value: 'PATH', help: 'where it appears, such as /archive', required: true },
    folder: {
      type: 'string',
      value: 'DIR',
      help: 'the folder of this machine; with --url the server makes one',
    },
    'read-only': { type: 'boolean', help: 'nothing may be changed in it' },
    'trash-days': TRASH_DAYS,
    'not-durable': { type: 'boolean', help: 'acknowledge uploads before they are flushed to disk' },
  },
  examples: ['latchkey mount add --path /archive --folder /srv/archive --read-only'],
  async run({ identity, actor, text, flag, local, site, out }) {
    const folder = text('folder')
    if (local && folder === undefined)
      throw new Fault('invalid', '--folder is missing: the folder of this machine')
    const input = {
      path: text('path') ?? '',
      folder: folder === undefined ? undefined : resolve(folder),
      readOnly: flag('read-only'),
      durable: !flag('not-durable'),
      trashDays: readDays(text('trash-days')),
    }
    const mount = await addMount(identity, actor, (await site()).id, input)
    const { root } = mount.settings
    if (local) await mkdir(root, { recursive: true })
    const what = local ? root : 'A folder of the server'
    out.result(wholeMountJson(mount), `${what} appears at ${mount.path} (mount ${mount.id}).`)
  },
}

const list: Command = {
  path: 'mount list',
  summary: 'list what the site’s tree is made of',
  arguments: [],
  options: {},
  examples: ['latchkey mount list'],
  async run({ identity, actor, site, out }) {
    const mounts = await listMounts(identity, actor, (await site()).id)
    out.list({
      values: mounts.map(wholeMountJson),
      columns: [{ title: 'ID', whole: true }, { title: 'PATH' }, { title: 'MODE' }, { title: 'FOLDER' }],
      rows: mounts.map((mount) => [
        mount.id,
        mount.path,
        mount.readOnly ? 'read-only' : 'writable',
        mount.settings.root,
      ]),
      empty: "This site has no files; 'latchkey mount add' gives it a folder.",
    })
  },
}

const set: Command = {
  path: 'mount set',
  summary: 'make a mount read-only or writable, or say how long it keeps deleted files',
  arguments: [MOUNT],
  options: {
    'read-only': { type: 'boolean', help: 'nothing may be changed in it' },
    writable: { type: 'boolean', help: 'it may be changed again' },
    'trash-days': TRASH_DAYS,
  },
  examples: ['latchkey mount set /archive --read-only', 'latchkey mount set / --trash-days 30'],
  async run(context) {
    const { identity, actor, flag, text, out } = context
    const days = readDays(text('trash-days'))
    const mode = flag('read-only') || flag('writable')
    if ((flag('read-only') && flag('writable')) || (!mode && days === undefined)) {
      throw new Fault('invalid', 'give either --read-only or --writable, or --trash-days')
    }
    const { siteId, id } = await namedMount(context)
    const readOnly = mode ? flag('read-only') : undefined
    const mount = await changeMount(identity, actor, siteId, id, { readOnly, trashDays: days })
    const kept = trashDaysOf(mount)
    const words = kept === 0 ? 'keeps no deleted files' : `keeps deleted files for ${kept} days`
    out.result(
      wholeMountJson(mount),
      `${mount.path} is ${mount.readOnly ? 'read-only' : 'writable'} and ${words}.`,
    )
  },
}

const remove: Command = {
  path: 'mount remove',
  summary: 'take a folder out of the site’s tree; its files stay on disk',
  arguments: [MOUNT],
  options: {},
  examples: ['latchkey mount remove /archive'],
  async run(context) {
    const { identity, actor, out } = context
    const { siteId, id } = await namedMount(context)
    const { path, settings } = await removeMount(identity, actor, siteId, id)
    const where = settings.root === '' ? 'where they are' : `in ${settings.root}`
    out.result({ id, path, removed: true }, `${path} is out of the tree; its files stay ${where}.`)
  },
}

function readDays(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (!/^\d{1,4}$/.test(text)) throw new Fault('invalid', '--trash-days is a number of days')
  return Number(text)
}

async function namedMount({
  identity,
  actor,
  args: [text = ''],
  site,
}: CommandContext): Promise<MountRecord> {
  const mounts = await listMounts(identity, actor, (await site()).id)
  const mount = mounts.find(({ id, path }) => id === text || path === text)
  if (mount === undefined) throw new Fault('not_found', `this site has no mount '${text}'`)
  return mount
}

// The folder is for whoever sits at the machine: the API does not show it.
function wholeMountJson(mount: MountRecord) {
  const { root, durable } = mount.settings
  return { ...mountJson(mount), ...(root !== '' && { folder: root, durable }) }
}

export const MOUNT_COMMANDS: readonly Command[] = [add, list, set, remove]
