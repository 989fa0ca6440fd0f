import { isUtf8 } from 'node:buffer'

/** Longest control line in bytes, without its end; a virtual path has at most 4,000. */
export const MAX_LINE_BYTES = 4096

const LF = 0x0a
const CR = 0x0d
const FIRST_TELNET = 0xf0
const WILL = 0xfb
const DONT = 0xfe
const IAC = 0xff

type Telnet = 'none' | 'command' | 'option'

/** Reads control lines byte by byte, however they are cut into segments. */
export class LineReader {
  readonly #line = Buffer.allocUnsafe(MAX_LINE_BYTES)
  readonly #onLine: (line: string | null) => void
  #length = 0
  #telnet: Telnet = 'none'
  #stopped = false
  #lfMayFollow = false

  /** `onLine` gets each line without its end; null for one that is not UTF-8. */
  constructor(onLine: (line: string | null) => void) {
    this.#onLine = onLine
  }

  /** False when a line grew too long: the connection is of no more use. */
  push(chunk: Uint8Array): boolean {
    for (const byte of chunk) {
      if (this.#stopped) return true
      if (!this.#take(byte)) return false
    }
    return true
  }

  /** Gives no more lines, not even those that are left of a chunk being pushed. */
  stop(): void {
    this.#stopped = true
  }

  #take(byte: number): boolean {
    if (this.#isTelnet(byte)) return true
    const endedAlready = this.#lfMayFollow && byte === LF
    this.#lfMayFollow = false
    if (endedAlready) return true
    if (byte === LF || (byte === CR && this.#isAbort())) {
      this.#lfMayFollow = byte === CR
      this.#emit()
      return true
    }
    if (this.#length === MAX_LINE_BYTES) return false
    this.#line[this.#length++] = byte
    return true
  }

  /**
   * Strips telnet sequences (RFC 854), which clients send around ABOR. One of their bytes travels as urgent
   * data and is lost on the way, so the rest may come alone in front of a verb. Inside a line only 0xFF starts
   * a sequence: 0xF0 to 0xF4 are part of UTF-8 names.
   */
  #isTelnet(byte: number): boolean {
    if (this.#telnet === 'option') {
      this.#telnet = 'none'
      return true
    }
    if (this.#telnet === 'command') {
      this.#telnet = byte >= WILL && byte <= DONT ? 'option' : 'none'
      if (byte >= FIRST_TELNET) return true
    }
    if (byte === IAC) {
      this.#telnet = 'command'
      return true
    }
    return this.#length === 0 && byte >= FIRST_TELNET
  }

  /** Clients that send all of `ABOR` as urgent data (Python) lose its LF on the way: the CR has to do. */
  #isAbort(): boolean {
    return this.#length === 4 && this.#line.toString('latin1', 0, 4).toUpperCase() === 'ABOR'
  }

  #emit(): void {
    const end = this.#length > 0 && this.#line[this.#length - 1] === CR ? this.#length - 1 : this.#length
    const bytes = this.#line.subarray(0, end)
    this.#length = 0
    this.#onLine(isUtf8(bytes) ? bytes.toString('utf8') : null)
  }
}
