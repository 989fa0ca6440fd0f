import type { Reply } from './context.ts'
import type { Output } from './output.ts'

type Slot = { done: boolean; reply: Buffer | Reply | null }

/**
 * Answers leave in the order of their requests. The protocol does not ask for it, but OpenSSH's `scp` (9.0 to
 * 9.2 seen) cuts a download off where the first answer out of order came, and says nothing.
 */
export type Replies = {
  /** The place of a request that was just started; call it with the answer, or null for none. */
  turn(): (reply: Buffer | Reply | null) => void
}

export function createReplies(output: Output): Replies {
  const slots: Slot[] = []

  const flush = () => {
    for (let slot = slots[0]; slot?.done === true; slot = slots[0]) {
      slots.shift()
      const { reply } = slot
      if (reply === null) continue
      if ('packet' in reply) output.send(reply.packet, reply.sent)
      else output.send(reply)
    }
  }

  return {
    turn() {
      const slot: Slot = { done: false, reply: null }
      slots.push(slot)
      return (reply) => {
        slot.done = true
        slot.reply = reply
        flush()
      }
    },
  }
}
