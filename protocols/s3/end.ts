import type { ServerResponse } from 'node:http'

/** Says when a request is over before its time. */
export type End = Disposable & {
  /** Fires on revocation and when the client goes away. Made when it is asked for: most requests are too short. */
  signal(): AbortSignal
}

/** The end of a request of a session whose signal is `revoked`. */
export function endOf(revoked: AbortSignal, response: ServerResponse): End {
  let made: AbortController | undefined
  const end = () => made?.abort(revoked.reason ?? new Error('client went away'))
  return {
    signal() {
      if (made !== undefined) return made.signal
      made = new AbortController()
      response.once('close', end)
      revoked.addEventListener('abort', end, { once: true })
      if (revoked.aborted || response.destroyed) end()
      return made.signal
    },
    [Symbol.dispose]() {
      if (made === undefined) return
      response.off('close', end)
      revoked.removeEventListener('abort', end)
    },
  }
}
