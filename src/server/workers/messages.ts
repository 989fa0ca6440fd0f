import type { Addresses } from '../client-lines.ts'
import type { Config } from '../config.ts'

/** What a worker needs to begin. */
export type Beginning = {
  /** 1 for the first; a worker that takes the place of another gets its number. */
  readonly number: number
  readonly config: Config
}

/** Where a worker listens. */
export type Started = { readonly addresses: Addresses; readonly listeners: readonly string[] }

/** From the primary process to a worker. Ids are those of the question or of the one who asks. */
export type ToWorker =
  | { readonly kind: 'begin'; readonly beginning: Beginning }
  | { readonly kind: 'granted'; readonly id: number }
  | { readonly kind: 'asked'; readonly id: number; readonly topic: string; readonly question: string }
  | { readonly kind: 'answers'; readonly id: number; readonly answers: readonly string[] | null }
  | { readonly kind: 'reload' }
  | { readonly kind: 'stop' }

/** From a worker to the primary process. */
export type ToPrimary =
  | { readonly kind: 'started'; readonly started: Started }
  /** It cannot start, for a reason that the operator can mend. */
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'hold'; readonly id: number; readonly keys: readonly string[] }
  | { readonly kind: 'release'; readonly id: number }
  | { readonly kind: 'ask'; readonly id: number; readonly topic: string; readonly question: string }
  | { readonly kind: 'answer'; readonly id: number; readonly answers: readonly string[] | null }
