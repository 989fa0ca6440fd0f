import { resolve } from 'node:path'
import type { Command } from '../command.ts'

const backup: Command = {
  path: 'database backup',
  summary: 'write a consistent copy of the database, beside a running server',
  details: `The copy holds sites, users, keys, grants, audit and what is known of files; not the files, not the
master key and not the SSH host keys. Keep the master key elsewhere than the copy: together they open every secret.`,
  arguments: [{ name: 'FILE', help: 'where to; nothing may be there' }],
  options: {},
  examples: ['latchkey database backup /backup/latchkey-2026-01-31.db'],
  async run({ backup: write, args: [file = ''], out }) {
    const path = resolve(file)
    await write(path)
    out.result({ file: path }, `The database was copied to ${path}.`)
  },
}

export const DATABASE_COMMANDS: readonly Command[] = [backup]
