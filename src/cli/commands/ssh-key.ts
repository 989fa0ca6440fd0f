import { readFile } from 'node:fs/promises'
import { Fault } from '#faults'
import { sshKeyJson } from '#identity/json.ts'
import type { Command, CommandContext } from '../command.ts'
import { addSshKey, listSshKeys, removeSshKey } from '../use-cases.ts'
import { day, minute } from '../words.ts'

const USER = { name: 'USER', help: 'the user’s name' }

const add: Command = {
  path: 'ssh-key add',
  summary: 'let a user log in at the SFTP door with an SSH key',
  details: `Takes the line of a public key file: ed25519, ecdsa, or rsa with at least 2048 bits. The user logs in
with the own name, and may do there what the own password allows. Give the .pub file, never the private one.`,
  arguments: [USER],
  options: {
    file: { type: 'string', value: 'FILE', help: 'the .pub file (default: standard input)' },
    name: { type: 'string', value: 'NAME', help: 'what to call it (default: the comment in the file)' },
  },
  examples: [
    'latchkey ssh-key add anna --file id_ed25519.pub',
    'latchkey ssh-key add anna --name laptop < id_ed25519.pub',
  ],
  async run(context) {
    const {
      identity,
      actor,
      args: [name = ''],
      text,
      site,
      out,
    } = context
    const publicKey = await readLine(context)
    const key = await addSshKey(
      identity,
      actor,
      (await site()).id,
      { name },
      { publicKey, name: text('name') },
    )
    out.result(
      sshKeyJson(key),
      `SSH key '${key.name}' opens the SFTP door for '${name}' now: ${key.fingerprint}`,
    )
  },
}

const list: Command = {
  path: 'ssh-key list',
  summary: 'list the SSH keys of a user',
  arguments: [USER],
  options: {},
  examples: ['latchkey ssh-key list anna'],
  async run({ identity, actor, args: [name = ''], site, out }) {
    const keys = await listSshKeys(identity, actor, (await site()).id, { name })
    out.list({
      values: keys.map(sshKeyJson),
      columns: [
        { title: 'NAME' },
        { title: 'TYPE', whole: true },
        { title: 'FINGERPRINT', whole: true },
        { title: 'ADDED', whole: true },
        { title: 'LAST USE', whole: true },
      ],
      rows: keys.map((key) => [
        key.name,
        key.type,
        key.fingerprint,
        day(key.createdAt),
        minute(key.lastUsedAt, 'never'),
      ]),
      empty: `'${name}' has no SSH key yet; 'latchkey ssh-key add ${name} --file KEY.pub' adds one.`,
    })
  },
}

const remove: Command = {
  path: 'ssh-key remove',
  summary: 'remove an SSH key of a user; sessions that it opened are cut at once',
  arguments: [USER, { name: 'KEY', help: 'its name, id or fingerprint' }],
  options: {},
  examples: ['latchkey ssh-key remove anna anna@laptop'],
  async run({ identity, actor, args: [name = '', text = ''], site, out }) {
    const key = await removeSshKey(identity, actor, (await site()).id, { name }, text)
    const done = `SSH key '${key.name}' of '${name}' is gone; its sessions have stopped.`
    out.result({ id: key.id, name: key.name, removed: true }, done)
  },
}

async function readLine({ text, stdin }: CommandContext): Promise<string> {
  const file = text('file')
  if (file === undefined) return stdin()
  try {
    return await readFile(file, 'utf8')
  } catch {
    throw new Fault('invalid', `the file ${file} cannot be read`)
  }
}

export const SSH_KEY_COMMANDS: readonly Command[] = [add, list, remove]
