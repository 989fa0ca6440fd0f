import { Fault } from '#faults'
import type { TrashEntry } from '#files/types.ts'
import { trashJson } from '#identity/json.ts'
import { parsePath, ROOT, type VirtualPath } from '#permissions/path.ts'
import type { Command, CommandContext, OptionSpec, TrashFiles } from '../command.ts'
import { minute } from '../words.ts'

const ID = { name: 'ID', help: "as 'latchkey trash list' shows it" }
const FOLDER: OptionSpec = { type: 'string', value: 'PATH', help: 'only what lay in this folder' }
const PAGE = 1_000

const list: Command = {
  path: 'trash list',
  summary: 'show deleted files and folders that can be restored, the newest first',
  arguments: [],
  options: {
    folder: FOLDER,
    limit: { type: 'string', value: 'N', help: 'at most so many entries (default: 100)' },
  },
  examples: ['latchkey trash list', 'latchkey trash list --folder /photos --limit 500'],
  async run(context) {
    const entries = await newest(await context.files(), folderOf(context), readLimit(context.text('limit')))
    context.out.list({
      values: entries.map(trashJson),
      columns: [
        { title: 'ID', whole: true },
        { title: 'DELETED', whole: true },
        { title: 'WHO' },
        { title: 'SIZE' },
        { title: 'PATH' },
      ],
      rows: entries.map((entry) => [
        entry.id,
        minute(entry.deletedAt, '-'),
        [entry.user, entry.key].flatMap((who) => who?.name ?? []).join(' / ') || '-',
        entry.kind === 'folder' ? 'folder' : String(entry.size),
        entry.path,
      ]),
      empty: 'The trash is empty.',
    })
  },
}

const restore: Command = {
  path: 'trash restore',
  summary: 'put a deleted file or folder back',
  details: 'Folders on the way that are missing are made.',
  arguments: [ID],
  options: {
    to: { type: 'string', value: 'PATH', help: 'elsewhere than where it was' },
    overwrite: { type: 'boolean', help: 'what is there now goes' },
  },
  examples: ['latchkey trash restore 1767225600000-0123456789abcdef --to /photos/found.jpg'],
  async run({ files, args: [id = ''], text, flag, out }) {
    const to = text('to')
    const { trash } = await files()
    const options = { overwrite: flag('overwrite'), ...(to === undefined ? {} : { to: parsePath(to) }) }
    const { path } = await trash.restore(id, options)
    out.result({ id, path, restored: true }, `${path} is back.`)
  },
}

const purge: Command = {
  path: 'trash purge',
  summary: 'delete something in the trash for good',
  arguments: [ID],
  options: {},
  examples: ['latchkey trash purge 1767225600000-0123456789abcdef'],
  async run({ files, args: [id = ''], out }) {
    const { trash } = await files()
    await trash.purge(id)
    out.result({ id, purged: true }, `${id} is gone for good.`)
  },
}

const empty: Command = {
  path: 'trash empty',
  summary: 'delete all that is in the trash for good',
  arguments: [],
  options: { folder: FOLDER },
  examples: ['latchkey trash empty', 'latchkey trash empty --folder /photos'],
  async run(context) {
    const { trash } = await context.files()
    const purged = await trash.purgeAll(folderOf(context))
    context.out.result({ purged }, `${purged} entries are gone for good.`)
  },
}

const purgeFile: Command = {
  path: 'file purge',
  summary: 'delete a file or folder for good, past the trash',
  arguments: [{ name: 'PATH', help: 'the file or folder' }],
  options: { tree: { type: 'boolean', help: 'a folder with all that is in it' } },
  examples: ['latchkey file purge /photos/2019 --tree'],
  async run({ files, args: [text = ''], flag, out }) {
    const path = parsePath(text)
    await (await files()).purge(path, { tree: flag('tree') })
    out.result({ path, purged: true }, `${path} is gone for good.`)
  },
}

async function newest({ trash }: TrashFiles, folder: VirtualPath, limit: number): Promise<TrashEntry[]> {
  const entries: TrashEntry[] = []
  for (let after: string | null | undefined; after !== null && entries.length < limit; ) {
    const wanted = Math.min(PAGE, limit - entries.length)
    const page = await trash.list({ folder, limit: wanted, ...(after === undefined ? {} : { after }) })
    entries.push(...page.entries)
    after = page.next
  }
  return entries
}

function folderOf({ text }: Pick<CommandContext, 'text'>): VirtualPath {
  const folder = text('folder')
  return folder === undefined ? ROOT : parsePath(folder)
}

function readLimit(text: string | undefined): number {
  if (text === undefined) return 100
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new Fault('invalid', '--limit is a number from 1 to 999999')
  return Number(text)
}

export const TRASH_COMMANDS: readonly Command[] = [list, restore, purge, empty, purgeFile]
