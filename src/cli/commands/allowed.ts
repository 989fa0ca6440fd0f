import { ACTION_NAMES } from '#identity/allowed.ts'
import type { Command } from '../command.ts'
import { KEY } from '../key-options.ts'
import { wouldAllow } from '../use-cases.ts'

const allowed: Command = {
  path: 'key allowed',
  summary: 'ask whether a key would be allowed to do something, and why not',
  details: `Nothing is done and nothing is recorded. Actions: ${ACTION_NAMES.join(' ')}.`,
  arguments: [KEY],
  options: {
    door: { type: 'string', value: 'DOOR', help: 'webdav, sftp, ftp, s3 or rest', required: true },
    action: { type: 'string', value: 'ACTION', help: 'what it would do', required: true },
    path: { type: 'string', value: 'PATH', help: 'to which file or folder', required: true },
    address: { type: 'string', value: 'ADDRESS', help: 'from where (default: 127.0.0.1)' },
  },
  examples: ['latchkey key allowed laptop --door sftp --address 10.0.0.1 --action read --path /photos'],
  async run({ identity, actor, args: [key = ''], text, site, out }) {
    const question = {
      key,
      door: text('door') ?? '',
      address: text('address') ?? '127.0.0.1',
      action: text('action') ?? '',
      path: text('path') ?? '',
    }
    const { allow, reason } = await wouldAllow(identity, actor, (await site()).id, question)
    out.result({ allow, reason }, allow ? 'yes' : `no: ${reason}`)
  },
}

export const ALLOWED_COMMANDS: readonly Command[] = [allowed]
