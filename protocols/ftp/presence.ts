import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'

/** What is known of an upload whose data has ended. Times on `performance.now()`. */
export type Ended = {
  readonly startedAt: number
  readonly endedAt: number
  /** Where it began in the file, and where it ended. */
  readonly start: number
  readonly end: number
  /** What ALLO told, of the file or of what is sent of it; null when it told nothing. */
  readonly announced: number | null
}

const MOST_MS = 500
const MOST_WHEN_SHORT_MS = 2_000
/** A wait of this length or more is for long uploads, for which a sync of its own is little. */
const SYNC_FROM_MS = 10

/**
 * The end of the data says "done" only while the client is there. One that was killed loses both connections, but
 * the data connection may go first: so wait for the control connection to go, from the end of the data on. Writing
 * the last bytes counts towards it. Behind a long upload the wait is as long as `sync` at least, which has to be done
 * anyway: a machine that is slow to write is slow to end its processes too. Rejects with `sync`.
 */
export async function lookForTheClient(
  over: AbortSignal,
  upload: Ended,
  sync: () => Promise<void>,
): Promise<void> {
  // What both connections lost at the same instant is seen in one turn of the event loop.
  await nextTurn()
  const left = patienceFor(upload) - (performance.now() - upload.endedAt)
  if (left < 1 || over.aborted) return
  const waited = sleep(left, undefined, { signal: over }).catch(() => {})
  await Promise.all([left >= SYNC_FROM_MS ? sync() : null, waited])
  // A turn looks at its timers first: what was lost while the process was held up is seen at its end.
  await nextTurn()
}

/**
 * Milliseconds. A tenth of the upload's time: short ones are unlikely to be hit. None where all that was announced
 * is there; more where less is, which RFC 959 allows and hardly anybody means.
 */
export function patienceFor({ startedAt, endedAt, start, end, announced }: Ended): number {
  if (announced === end || announced === end - start) return 0
  if (announced !== null && announced > end) return MOST_WHEN_SHORT_MS
  return Math.min(MOST_MS, (endedAt - startedAt) / 10)
}
