import type { FastifyReply, FastifyRequest } from 'fastify'
import { Fault } from '#faults'
import type { IdentityDeps } from '#identity/deps.ts'
import type { RecordRef } from '#identity/ports.ts'
import { whileVersion } from '#identity/versions.ts'

// No record has it: the use case still refuses first whoever may not change this at all.
const NEVER = -1

/** Gives the answer the record's ETag. It is read first: a change in between makes it too old, never too new. */
export async function tagged<T>(
  identity: IdentityDeps,
  reply: FastifyReply,
  ref: RecordRef,
  read: () => Promise<T>,
): Promise<T> {
  const version = await identity.store.versionOf(ref)
  const value = await read()
  if (version !== null) reply.header('ETag', `"${version}"`)
  return value
}

/** The record after a change, with its ETag; `done` where the caller may no longer read it. */
export async function changed<T>(
  identity: IdentityDeps,
  reply: FastifyReply,
  ref: RecordRef,
  { read, done }: { readonly read: () => Promise<T>; readonly done: T },
): Promise<T> {
  try {
    return await tagged(identity, reply, ref, read)
  } catch (error) {
    if (error instanceof Fault) return done
    throw error
  }
}

/** Use cases that change the record only as If-Match says (RFC 9110 §13.1.1). */
export async function guarded(
  identity: IdentityDeps,
  { headers }: FastifyRequest,
  ref: RecordRef,
): Promise<IdentityDeps> {
  const header = headers['if-match']
  if (header === undefined || header.trim() === '*') return identity
  const version = await identity.store.versionOf(ref)
  const tags = header.split(',').map((tag) => tag.trim())
  return whileVersion(identity, ref, version !== null && tags.includes(`"${version}"`) ? version : NEVER)
}
