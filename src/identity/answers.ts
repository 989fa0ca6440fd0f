import type { IdentityDeps } from './deps.ts'

/** For how long an answer is given again; afterwards only what it made is named. */
const BODY_MS = 10 * 60_000
/** For how long it is remembered that something was done. */
const REMEMBERED_MS = 24 * 3_600_000
/** A request that took longer died with its process: it may be sent again. */
const STUCK_MS = 60_000

/** `first`: do it. `running`: it is being done. `other`: the name stands for another request. */
export type Begun =
  | { readonly kind: 'first' | 'running' | 'other' }
  | {
      readonly kind: 'again'
      readonly status: number
      readonly location: string | null
      readonly body: string
    }
  | { readonly kind: 'forgotten'; readonly location: string | null }

/**
 * Finds out whether a creation was done already. `name` stands for who asks and for what they called it,
 * `fingerprint` for all that it says and for what they may do.
 */
export async function beginAnswer(
  { store, sealer, clock }: IdentityDeps,
  name: string,
  fingerprint: string,
): Promise<Begun> {
  const now = clock.now()
  const held = await store.answers.begin({
    name,
    fingerprint,
    now,
    over: now - REMEMBERED_MS,
    stuck: now - STUCK_MS,
  })
  if (held === null) return { kind: 'first' }
  if (held.fingerprint !== fingerprint) return { kind: 'other' }
  const { status, location, sealed } = held
  if (status === null) return { kind: 'running' }
  if (sealed === null || now - held.startedAt >= BODY_MS) return { kind: 'forgotten', location }
  return { kind: 'again', status, location, body: sealer.open(sealed, contextOf(name)).toString() }
}

/** Keeps what was answered, sealed: it may hold a key's value. */
export async function finishAnswer(
  { store, sealer }: IdentityDeps,
  name: string,
  answer: { readonly status: number; readonly location: string | null; readonly body: string },
): Promise<void> {
  const { status, location, body } = answer
  await store.answers.finish(name, { status, location, sealed: sealer.seal(body, contextOf(name)) })
}

/** It was refused, so nothing was done: it may be tried again. */
export function releaseAnswer({ store }: IdentityDeps, name: string): Promise<void> {
  return store.answers.release(name)
}

/** Drops what is no longer given again. For the server to call each minute. */
export function forgetAnswers({ store, clock }: IdentityDeps): Promise<void> {
  return store.answers.forget(clock.now() - BODY_MS)
}

function contextOf(name: string): string {
  return `answer:${name}`
}
