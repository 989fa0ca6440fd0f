import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { addSshKey } from '#identity/ssh-keys.ts'
import type { World } from '#test/world.ts'
import { succeed } from './run.ts'

/** Kinds of keys as `ssh-keygen -t` names them, with their size. */
export const KINDS = { ed25519: '256', ecdsa: '256', rsa: '3072' } as const
export type Kind = keyof typeof KINDS

/** Makes a key pair in `folder` with OpenSSH; the path of the private half. */
export async function makeKey(folder: string, kind: Kind, format?: 'PEM'): Promise<string> {
  const file = join(folder, `id_${kind}${format === undefined ? '' : '_pem'}`)
  const more = format === undefined ? [] : ['-m', format]
  await succeed('ssh-keygen', [
    '-q',
    '-t',
    kind,
    '-b',
    KINDS[kind],
    '-N',
    '',
    '-C',
    `${kind}@test`,
    '-f',
    file,
    ...more,
  ])
  return file
}

/** Lets the user log in with the key. */
export async function allowKey(world: World, user: string, file: string, name?: string): Promise<string> {
  const publicKey = await readFile(`${file}.pub`, 'utf8')
  const actor = { kind: 'command_line' } as const
  const key = await addSshKey(world.identity, actor, world.site.id, { name: user }, { publicKey, name })
  return key.id
}
