import type { Socket } from 'node:net'
import type { ServerChannel } from 'ssh2'

/** Bytes that may wait for a slow client, reads that run included. */
const LIMIT = 4 * 1024 * 1024
/** What a small packet costs in memory on its way. */
const LEAST = 512
/** READs at work at a time. */
const MAX_READS = 64

/** The way out of one session, and how much is on it. */
export type Output = {
  /**
   * Hands a packet to SSH. `sent` is called when its bytes are not needed any more; with it, they were
   * counted by `reserve` before.
   */
  send(packet: Buffer, sent?: () => void): void
  /** Counts the answer of a READ that is being made; call the result when it was sent or failed. */
  reserve(bytes: number): () => void
  /** True when nothing more should be started. */
  full(): boolean
  /** Resolves when there is room again, or the way is closed. */
  room(): Promise<void>
  /** Looks again whether there is room: the socket drained, or a key exchange ended. */
  check(): void
  /** Nothing is sent any more. */
  close(): void
}

/**
 * `exchanging` tells whether SSH exchanges keys: until it is done ssh2 puts packets in a queue without bound.
 */
export function createOutput(channel: ServerChannel, socket: Socket, exchanging: () => boolean): Output {
  let waiting = 0
  let reads = 0
  let closed = false
  let wake: (() => void) | null = null

  const full = () =>
    !closed && (waiting + socket.writableLength >= LIMIT || reads >= MAX_READS || exchanging())
  const check = () => {
    if (wake === null || full()) return
    const resume = wake
    wake = null
    resume()
  }
  const close = () => {
    closed = true
    check()
  }
  return {
    send(packet, sent) {
      if (closed) return sent?.()
      const cost = sent ? 0 : Math.max(packet.length, LEAST)
      waiting += cost
      try {
        channel.write(packet, () => {
          waiting -= cost
          sent?.()
          check()
        })
      } catch {
        // ssh2 throws when its transport ended a moment ago.
        close()
      }
    },
    reserve(bytes) {
      const cost = Math.max(bytes, LEAST)
      waiting += cost
      reads += 1
      return () => {
        waiting -= cost
        reads -= 1
        check()
      }
    },
    full,
    room: () =>
      full()
        ? new Promise<void>((resolve) => {
            wake = resolve
          })
        : Promise.resolve(),
    check,
    close,
  }
}
