import type { Static } from 'typebox'
import { Fault } from '#faults'
import type { SshKeyDetails } from '#identity/ports.ts'
import type { SshKeyInput } from '#identity/ssh-keys.ts'
import type { UserRef } from '#identity/users.ts'
import { SshKeyPageSchema, SshKeySchema } from '#protocols/rest/people-schemas.ts'
import type { Connection } from './connection.ts'
import { findUser } from './people.ts'
import { timeOf, useOf } from './read.ts'

export async function listSshKeys(api: Connection, site: string, ref: UserRef): Promise<SshKeyDetails[]> {
  const { id } = await findUser(api, site, ref)
  const found = await api.json(SshKeyPageSchema, pathOf(id), { site })
  return found.ssh_keys.map((key) => sshKeyOf(site, id, key))
}

export async function addSshKey(
  api: Connection,
  site: string,
  ref: UserRef,
  { publicKey, name }: SshKeyInput,
): Promise<SshKeyDetails> {
  const { id } = await findUser(api, site, ref)
  const body = { public_key: publicKey, ...(name !== undefined && { name }) }
  return sshKeyOf(site, id, await api.json(SshKeySchema, pathOf(id), { method: 'POST', site, body }))
}

/** `text`: a name, id or fingerprint. Fault: not_found. */
export async function removeSshKey(
  api: Connection,
  site: string,
  ref: UserRef,
  text: string,
): Promise<SshKeyDetails> {
  const keys = await listSshKeys(api, site, ref)
  const key = keys.find(({ id, name, fingerprint }) => [id, name, fingerprint].includes(text))
  if (key === undefined) throw new Fault('not_found', `this user has no SSH key '${text}'`)
  await api.done(`${pathOf(key.userId)}/${key.id}`, { method: 'DELETE', site })
  return key
}

function pathOf(userId: string): string {
  return `/api/v1/users/${userId}/ssh-keys`
}

function sshKeyOf(siteId: string, userId: string, json: Static<typeof SshKeySchema>): SshKeyDetails {
  const [, blob = ''] = json.public_key.split(' ')
  return {
    id: json.id,
    siteId,
    userId,
    name: json.name,
    type: json.type,
    blob: Buffer.from(blob, 'base64'),
    fingerprint: json.fingerprint,
    createdAt: timeOf(json.created_at) ?? 0,
    ...useOf(json),
  }
}
