import { Fault } from '#faults'
import { type Actor, auditEntry, keyReach, siteFor } from './actor.ts'
import { commit, type IdentityDeps, newId } from './deps.ts'
import { checkSshKeyName } from './names.ts'
import type { SiteDetails, SshKeyDetails, UserDetails } from './ports.ts'
import { readSshPublicKey } from './ssh-public-key.ts'
import { findUser, type UserRef } from './users.ts'

export type SshKeyInput = {
  /** The line of a public key file. */
  readonly publicKey: string
  /** Absent: the comment of the line. */
  readonly name?: string | undefined
}

/** Enough for a person's machines; each login compares with all of them. */
export const MOST_SSH_KEYS = 100

/**
 * Lets a user log in at the SFTP door with the private half (REQUIREMENTS.md, D7). Administrators do it for
 * anyone, others for themselves where they may make keys. Faults: forbidden, not_found, invalid, exists.
 */
export async function addSshKey(
  deps: IdentityDeps,
  actor: Actor,
  siteId: string,
  ref: UserRef,
  input: SshKeyInput,
): Promise<SshKeyDetails> {
  const { site, user } = await reachUser(deps, actor, siteId, ref)
  const { type, blob, fingerprint, comment } = readSshPublicKey(input.publicKey)
  const name = input.name ?? (comment === '' ? fingerprint.slice(7, 19) : comment)
  checkSshKeyName(name)
  const key: SshKeyDetails = {
    id: newId(),
    siteId: site.id,
    userId: user.id,
    name,
    type,
    blob,
    fingerprint,
    createdAt: deps.clock.now(),
    lastUsedAt: null,
    lastUsedAddress: null,
    lastUsedDoor: null,
    lastUsedClient: null,
  }
  const subject = subjectOf(user, key)
  const audit = auditEntry(deps, actor, { action: 'ssh_key.add', siteId: site.id, subject })
  await commit(deps, deps.store.addSshKey(key, MOST_SSH_KEYS, audit))
  return key
}

/** A user's SSH keys by name. Faults: forbidden, not_found. */
export async function listSshKeys(
  deps: IdentityDeps,
  actor: Actor,
  siteId: string,
  ref: UserRef,
): Promise<readonly SshKeyDetails[]> {
  const { site, user } = await reachUser(deps, actor, siteId, ref)
  return deps.store.sshKeys(site.id, user.id)
}

/**
 * Removes an SSH key, by its id, name or fingerprint; sessions that it opened are cut at once. Faults:
 * forbidden, not_found.
 */
export async function removeSshKey(
  deps: IdentityDeps,
  actor: Actor,
  siteId: string,
  ref: UserRef,
  text: string,
): Promise<SshKeyDetails> {
  const { site, user } = await reachUser(deps, actor, siteId, ref)
  const keys = await deps.store.sshKeys(site.id, user.id)
  const key =
    keys.find(({ id }) => id === text) ??
    keys.find(({ fingerprint }) => fingerprint === text) ??
    keys.find(({ name }) => name === text)
  if (key === undefined) throw new Fault('not_found', `${user.name} has no SSH key '${text}'`)
  const subject = subjectOf(user, key)
  const audit = auditEntry(deps, actor, { action: 'ssh_key.remove', siteId: site.id, subject })
  await commit(deps, deps.store.removeSshKey(site.id, user.id, key.id, audit))
  return key
}

/** The user, for administrators and for that very user. Somebody else looks as if not there. */
async function reachUser(
  deps: IdentityDeps,
  actor: Actor,
  siteId: string,
  ref: UserRef,
): Promise<{ site: SiteDetails; user: UserDetails }> {
  const site = await siteFor(deps, actor, siteId)
  const reach = keyReach(deps, actor, site)
  const user = await findUser(deps, site.id, ref)
  if (reach.kind === 'own' && reach.userId !== user.id) {
    throw new Fault('forbidden', 'only administrators reach the SSH keys of others')
  }
  return { site, user }
}

function subjectOf(user: UserDetails, { name, type, fingerprint }: SshKeyDetails): string {
  return `user ${user.name} SSH key ${name} (${type}, ${fingerprint})`
}
