import { isIP } from 'node:net'
import { Fault } from '#faults'
import { DOORS } from '#permissions/conditions.ts'
import type { Action } from '#permissions/decide.ts'
import { parsePath } from '#permissions/path.ts'
import { type Actor, siteFor } from './actor.ts'
import type { IdentityDeps } from './deps.ts'
import { findKey } from './keys.ts'
import type { KeyDetails } from './ports.ts'

/** A use of a key that somebody asks about. */
export type UseQuestion = {
  /** Id, name or login. */
  readonly key: string
  readonly door: string
  readonly address: string
  readonly action: string
  readonly path: string
  /** Milliseconds since the epoch; default now. */
  readonly at?: number | undefined
}

export type UseAnswer = { readonly key: KeyDetails; readonly allow: boolean; readonly reason: string | null }

// One entry for each action, or it does not compile.
const ACTIONS: { readonly [Name in Action]: Name } = {
  list: 'list',
  stat: 'stat',
  read: 'read',
  write: 'write',
  mkdir: 'mkdir',
  copy_from: 'copy_from',
  copy_to: 'copy_to',
  rename_from: 'rename_from',
  rename_to: 'rename_to',
  delete: 'delete',
  purge: 'purge',
  folder_create: 'folder_create',
  folder_rename_from: 'folder_rename_from',
  folder_rename_to: 'folder_rename_to',
  folder_delete: 'folder_delete',
  folder_purge: 'folder_purge',
  administer: 'administer',
}
const BY_NAME: ReadonlyMap<string, Action> = new Map(Object.entries(ACTIONS))

/** What can be asked for, by name. */
export const ACTION_NAMES: readonly string[] = [...BY_NAME.keys()]

/**
 * Would this use of a key be allowed (REQUIREMENTS.md, D6)? For administrators, and for anybody about the own key.
 * Nothing is done. Faults: forbidden, not_found, invalid.
 */
export async function wouldAllow(
  deps: IdentityDeps,
  actor: Actor,
  siteId: string,
  question: UseQuestion,
): Promise<UseAnswer> {
  const key = await askedKey(deps, actor, siteId, question.key)
  const { foresee } = deps
  if (foresee === undefined) throw new Fault('unavailable', 'this cannot be asked here')
  const { address, at = deps.clock.now() } = question
  const door = DOORS.find((name) => name === question.door)
  const action = BY_NAME.get(question.action)
  if (door === undefined) throw new Fault('invalid', `there is no door '${question.door}'`)
  if (action === undefined) throw new Fault('invalid', `an action is one of ${ACTION_NAMES.join(', ')}`)
  if (isIP(address) === 0) throw new Fault('invalid', `'${address}' is no address`)
  const answer = await foresee(key.id, { door, address, now: at, action, path: parsePath(question.path) })
  if (answer === null) throw new Fault('not_found', `there is no key '${question.key}'`)
  return { key, allow: answer.allow, reason: answer.allow ? null : answer.reason }
}

async function askedKey(deps: IdentityDeps, actor: Actor, siteId: string, text: string): Promise<KeyDetails> {
  const own = actor.kind === 'principal' ? await ownKey(deps, actor, siteId, text) : null
  return own ?? findKey(deps, actor, siteId, text)
}

/** The key that the actor came with, or one of a person's own; null for any other. */
async function ownKey(
  deps: IdentityDeps,
  actor: Extract<Actor, { kind: 'principal' }>,
  siteId: string,
  text: string,
): Promise<KeyDetails | null> {
  const site = await siteFor(deps, actor, siteId)
  const asked = text.replace(/^@?api-/, '')
  const key = (await deps.store.keyByName(site.id, asked)) ?? (await deps.store.keyById(site.id, asked))
  if (key === null) return null
  const { kind, user, key: presented } = actor.principal
  const isOwn = key.id === presented?.id || (kind === 'person' && user !== null && key.userId === user.id)
  return isOwn ? key : null
}
