import type { Command } from '../command.ts'

const rotate: Command = {
  path: 'master-key rotate',
  summary: 'make a new master key and seal every secret again under it',
  details: `The old master key stays in the file, so that backups and a running server go on working; 'forget'
removes it. Keep a copy of master.key apart from the backups of the database.`,
  arguments: [],
  options: {},
  examples: ['latchkey master-key rotate'],
  async run({ masterKeys, out }) {
    const { id, resealed } = await masterKeys.rotate()
    out.result(
      { id, resealed },
      `Master key ${id} is the current one; ${resealed} secrets were sealed again.`,
    )
  },
}

const list: Command = {
  path: 'master-key list',
  summary: 'list the master keys and how many secrets each seals',
  arguments: [],
  options: {},
  examples: ['latchkey master-key list'],
  async run({ masterKeys, out }) {
    const keys = await masterKeys.list()
    out.list({
      values: keys,
      columns: [{ title: 'ID', whole: true }, { title: 'STATE' }, { title: 'SECRETS' }],
      rows: keys.map(({ id, current, seals }) => [id, current ? 'current' : 'old', `${seals}`]),
      empty: 'There is no master key.',
    })
  },
}

const forget: Command = {
  path: 'master-key forget',
  summary: 'remove an old master key that seals nothing any more',
  arguments: [{ name: 'ID', help: 'the old master key' }],
  options: {},
  examples: ['latchkey master-key forget 1a2b3c4d'],
  async run({ masterKeys, args: [id = ''], out }) {
    await masterKeys.forget(id)
    out.result({ id }, `Master key ${id} was removed. Backups made before the rotation need it still.`)
  },
}

export const MASTER_KEY_COMMANDS: readonly Command[] = [rotate, list, forget]
