import { createHmac, randomBytes } from 'node:crypto'
import { isYoung } from './age.ts'
import type { Change, Clock } from './ports.ts'

/** Whose secret was verified. The hash must still be theirs when it is recalled. */
export type VerifiedSecret = {
  readonly siteId: string
  readonly userId: string | null
  readonly keyId: string | null
  readonly valueId: string | null
  readonly hash: string
}

/**
 * Chosen values and passwords that were verified a short while ago, so that a WebDAV client does not pay for
 * Argon2id with each request. Secrets are held as HMACs under a key that only this process ever had.
 */
export type VerifiedSecrets = {
  /** The name of an attempt with a secret: 32 bytes of HMAC as text. */
  mark(parts: readonly (string | null)[]): string
  recall(mark: string): VerifiedSecret | null
  remember(mark: string, verified: VerifiedSecret): void
  /** Forgets what a change touches. Called for every change of the feed. */
  drop(change: Pick<Change, 'siteId' | 'keyId' | 'userId'>): void
}

const LIFETIME_MS = 60_000
const MAX_REMEMBERED = 10_000

export function createVerifiedSecrets(clock: Clock): VerifiedSecrets {
  const key = randomBytes(32)
  const held = new Map<string, VerifiedSecret & { readonly at: number }>()

  return {
    mark: (parts) => createHmac('sha256', key).update(JSON.stringify(parts)).digest('base64'),
    recall(mark) {
      const found = held.get(mark)
      return found !== undefined && isYoung(found.at, LIFETIME_MS, clock.now()) ? found : null
    },
    remember(mark, verified) {
      // Re-inserted, so that the oldest stand first when room is made.
      held.delete(mark)
      const [oldest] = held.keys()
      if (held.size >= MAX_REMEMBERED && oldest !== undefined) held.delete(oldest)
      held.set(mark, { ...verified, at: clock.now() })
    },
    drop({ siteId, keyId, userId }) {
      for (const [mark, found] of held) {
        if (keyId !== null ? found.keyId === keyId : found.siteId === siteId || found.userId === userId) {
          held.delete(mark)
        }
      }
    },
  }
}
