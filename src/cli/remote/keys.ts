import { Type } from 'typebox'
import { Fault } from '#faults'
import type { UseQuestion } from '#identity/allowed.ts'
import type { NewKeyInput } from '#identity/create-key.ts'
import type { GuestKeyInput } from '#identity/guest-key.ts'
import type { KeyChanges, KeyListing } from '#identity/keys.ts'
import type { KeyDetails } from '#identity/ports.ts'
import type { RotationInput } from '#identity/rotate-key.ts'
import { IssuedKeySchema, KeyPageSchema, KeySchema } from '#protocols/rest/schemas.ts'
import type { Connection } from './connection.ts'
import { issuedOf, keyOf } from './read.ts'
import { limitsBody, timeBody } from './write.ts'

const keys = '/api/v1/keys'
const AllowedSchema = Type.Object({ allow: Type.Boolean(), reason: Type.Union([Type.String(), Type.Null()]) })

export function listKeys(api: Connection, site: string, listing: KeyListing = {}): Promise<KeyDetails[]> {
  const { user, type, state, after, limit } = listing
  const owner = user && ('id' in user ? { user_id: user.id } : { user: user.name })
  return api.page(
    {
      idOf: ({ id }) => id,
      async read(query) {
        const page = await api.json(KeyPageSchema, keys, { site, query: { ...query, ...owner, type, state } })
        return { items: page.keys.map(keyOf), next: page.next_cursor }
      },
    },
    { after: after?.id, limit },
  )
}

export async function findKey(api: Connection, site: string, text: string): Promise<KeyDetails> {
  const found = await api.json(KeyPageSchema, keys, { site, query: { name: text } })
  const [key] = found.keys
  if (key === undefined) throw new Fault('not_found', `there is no key '${text.replace(/^@?api-/, '')}'`)
  return keyOf(key)
}

export async function createKey(api: Connection, site: string, input: NewKeyInput) {
  const { name, description, type, user, value, pair, expiresAt } = input
  const owner = user && ('id' in user ? { user_id: user.id } : { user: user.name })
  const about = { name, description, type, ...owner, value, s3: pair, expires_at: timeBody(expiresAt) }
  const body = { ...about, ...limitsBody(input) }
  return issuedOf(await api.json(IssuedKeySchema, keys, { method: 'POST', site, body }))
}

export async function createGuestKey(
  api: Connection,
  site: string,
  input: GuestKeyInput,
): Promise<KeyDetails> {
  const { name, description, expiresAt } = input
  const about = { type: 'guest', name, description, expires_at: timeBody(expiresAt) }
  const body = { ...about, ...limitsBody(input) }
  return keyOf(await api.json(IssuedKeySchema, keys, { method: 'POST', site, body }))
}

export async function updateKey(
  api: Connection,
  site: string,
  id: string,
  changes: KeyChanges,
): Promise<KeyDetails> {
  const { name, description, enabled, expiresAt } = changes
  const body = { name, description, enabled, expires_at: timeBody(expiresAt), ...limitsBody(changes) }
  return keyOf(await api.json(KeySchema, `${keys}/${id}`, { method: 'PATCH', site, body }))
}

export async function rotateKey(api: Connection, site: string, id: string, input: RotationInput = {}) {
  const body = { overlap_seconds: Math.ceil((input.overlap ?? 0) / 1000), value: input.value, s3: input.pair }
  return issuedOf(await api.json(IssuedKeySchema, `${keys}/${id}/rotate`, { method: 'POST', site, body }))
}

export async function deleteKey(api: Connection, site: string, id: string): Promise<KeyDetails> {
  const key = keyOf(await api.json(KeySchema, `${keys}/${id}`, { site }))
  await api.done(`${keys}/${id}`, { method: 'DELETE', site })
  return key
}

export async function wouldAllow(api: Connection, site: string, question: UseQuestion) {
  const { key, door, address, action, path } = question
  const body = { key, door, address, action, path }
  return api.json(AllowedSchema, '/api/v1/allowed', { method: 'POST', site, body })
}
