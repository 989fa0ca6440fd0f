const LF = 0x0a
const CR = 0x0d

/** Changes line ends chunk by chunk; `flush` gives what was held back at the end. */
export type LineEnds = { convert(chunk: Uint8Array): Uint8Array; flush(): Uint8Array }

const NOTHING = new Uint8Array(0)

/** To the network's CRLF (TYPE A downloads). An LF that already has its CR is left alone. */
export function toNetwork(): LineEnds {
  let previous = 0
  return {
    convert(chunk) {
      const out = Buffer.allocUnsafe(chunk.length * 2)
      let length = 0
      for (const byte of chunk) {
        if (byte === LF && previous !== CR) out[length++] = CR
        out[length++] = byte
        previous = byte
      }
      return out.subarray(0, length)
    },
    flush: () => NOTHING,
  }
}

/** To the file's LF (TYPE A uploads). A CR without LF stays. */
export function toLocal(): LineEnds {
  let held = false
  return {
    convert(chunk) {
      const out = Buffer.allocUnsafe(chunk.length + 1)
      let length = 0
      for (const byte of chunk) {
        if (held && byte !== LF) out[length++] = CR
        held = byte === CR
        if (!held) out[length++] = byte
      }
      return out.subarray(0, length)
    },
    flush() {
      const rest = held ? Uint8Array.of(CR) : NOTHING
      held = false
      return rest
    },
  }
}
