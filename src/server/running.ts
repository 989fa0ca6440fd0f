import type { Started } from './workers/messages.ts'

/** What serves, in this process or in others. Disposal ends it without waiting. */
export type RunningServer = AsyncDisposable & {
  readonly started: Started
  /** Stops accepting; what runs may finish for the configured time. */
  stop(): Promise<void>
}
