import { u32 } from './ssh-fields.ts'

/** What a KEXINIT begins with, as far as the door looks (RFC 4253, 7.1); names stand best first. */
export type KexInit = {
  readonly kex: readonly string[]
  readonly hostKey: readonly string[]
  /** The client sent its first exchange message already, made for its first names. */
  readonly guesses: boolean
}

/** The message's number and its cookie stand before the first list. */
const LISTS_AT = 17
const LISTS = 10

/** Null when it cannot be read. */
export function readKexInit(payload: Buffer): KexInit | null {
  const lists: string[][] = []
  let at = LISTS_AT
  while (lists.length < LISTS) {
    if (payload.length < at + 4) return null
    const end = at + 4 + payload.readUInt32BE(at)
    if (end > payload.length) return null
    lists.push(payload.toString('latin1', at + 4, end).split(','))
    at = end
  }
  const [kex = [], hostKey = []] = lists
  return { kex, hostKey, guesses: payload[at] === 1 }
}

/** The same KEXINIT with other key exchange names. */
export function withKexNames(payload: Buffer, names: readonly string[]): Buffer {
  const list = Buffer.from(names.join(','), 'latin1')
  const rest = payload.subarray(LISTS_AT + 4 + payload.readUInt32BE(LISTS_AT))
  return Buffer.concat([payload.subarray(0, LISTS_AT), u32(list.length), list, rest])
}
