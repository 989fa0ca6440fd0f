import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { LineReader } from './line-reader.ts'
import { writeTo } from './pumps.ts'
import type { SessionTls } from './tls-session.ts'

/** A verb in upper case, and what stands behind the one space: names may begin or end with spaces. */
export type Command = { readonly verb: string; readonly argument: string }

export type ControlHandlers = {
  /** Runs one command at a time; must not reject. */
  run(command: Command): Promise<void>
  /** Sees a command when it arrives: answered at once, to be run before those that wait, or after them. */
  arrived(command: Command): 'taken' | 'next' | 'queue'
  /** Nothing came for the idle time. */
  idle(): void
}

/** Commands that may wait while another one runs. */
const MAX_QUEUE = 64
const CLOSE_GRACE_MS = 500
/** An abort without a reason makes one, with a stack. */
const OVER = new Error('the control connection is over')

/** The control connection: commands in, replies out, TLS when asked for. */
export class Control {
  readonly #handlers: ControlHandlers
  readonly #idleMs: number
  readonly #over = new AbortController()
  readonly #queue: Command[] = []
  #socket: Socket
  #reader: LineReader
  #running = false

  constructor(socket: Socket, idleMs: number, handlers: ControlHandlers) {
    this.#socket = socket
    this.#idleMs = idleMs
    this.#handlers = handlers
    this.#reader = this.#listen(socket)
  }

  /** Fires when the connection is lost or closed. */
  get over(): AbortSignal {
    return this.#over.signal
  }

  get secure(): boolean {
    return this.#socket instanceof TLSSocket
  }

  /** The host name that the client asked for in its TLS hello, or null. */
  get serverName(): string | null {
    return this.#socket instanceof TLSSocket ? this.#socket.servername || null : null
  }

  /** Null before AUTH. */
  get tlsSocket(): TLSSocket | null {
    return this.#socket instanceof TLSSocket ? this.#socket : null
  }

  reply(code: number, text: string): void {
    this.#write(`${code} ${oneLine(text)}\r\n`)
    this.#socket.uncork()
  }

  /**
   * A preliminary reply, which travels with the final one when that comes in the same turn of the event loop, as it
   * does for small downloads, and at the end of the turn otherwise: to wake a client costs more than to read its file.
   */
  announce(code: number, text: string): void {
    const socket = this.#socket
    socket.cork()
    this.#write(`${code} ${oneLine(text)}\r\n`)
    setImmediate(() => socket.uncork())
  }

  /** A reply of several lines (RFC 959 §4.2); each of `lines` is indented, so that none looks like the end. */
  replyLines(code: number, title: string, lines: readonly string[], end: string): void {
    const body = lines.map((line) => ` ${oneLine(line)}\r\n`).join('')
    this.#write(`${code}-${oneLine(title)}\r\n${body}${code} ${oneLine(end)}\r\n`)
  }

  /** Sends text as it is and waits until it is on its way; false when the connection is lost. */
  async send(text: string): Promise<boolean> {
    if (this.over.aborted) return false
    return await writeTo(this.#socket, Buffer.from(text))
  }

  /** Says good-bye, ends the connection, and destroys it when the client does not close it soon. */
  close(code: number, text: string): void {
    if (this.over.aborted) return
    this.reply(code, text)
    this.#end()
    const socket = this.#socket
    socket.end()
    setTimeout(() => socket.destroy(), CLOSE_GRACE_MS).unref()
  }

  /** Drops the connection without a word. */
  destroy(): void {
    this.#end()
    this.#socket.destroy()
  }

  /**
   * Answers AUTH and goes on over TLS. What was received in plain text behind AUTH is thrown away in the same
   * tick: it may come from somebody on the way and must not be answered as if it came through TLS.
   */
  async upgrade(tls: SessionTls): Promise<void> {
    const plain = this.#socket
    this.#reader.stop()
    this.#queue.length = 0
    plain.removeAllListeners('data')
    plain.removeAllListeners('timeout')
    plain.setTimeout(0)
    plain.pause()
    const sent = await writeTo(plain, Buffer.from('234 Begin TLS\r\n'))
    if (sent && !this.over.aborted) this.startTls(tls)
  }

  /** Speaks TLS from the next byte on. */
  startTls(tls: SessionTls): void {
    this.#reader.stop()
    this.#socket.removeAllListeners('data')
    // What came already (behind a PROXY header) is the hello: flowing, it would be thrown away unread.
    this.#socket.pause()
    this.#socket = tls.wrapControl(this.#socket)
    this.#reader = this.#listen(this.#socket)
  }

  #listen(socket: Socket): LineReader {
    const reader = new LineReader((line) => this.#receive(line))
    const lost = () => this.#end()
    socket.on('data', (chunk: Buffer) => {
      if (!this.over.aborted && !reader.push(chunk)) this.close(500, 'The line is too long')
    })
    // Who said good-bye and hangs up before the answer is not lost: what runs comes to its own end, and QUIT after it.
    const hungUp = () => {
      if (!this.#running || this.#queue[0]?.verb !== 'QUIT') this.#end()
    }
    socket.on('end', hungUp).on('close', hungUp).on('error', lost)
    socket.on('timeout', () => this.#handlers.idle())
    socket.setTimeout(this.#idleMs)
    return reader
  }

  #receive(line: string | null): void {
    if (this.over.aborted) return
    const command = line === null ? UNREADABLE : parseCommand(line)
    const place = this.#handlers.arrived(command)
    if (place === 'taken') return
    if (place === 'next') this.#queue.unshift(command)
    else this.#queue.push(command)
    if (this.#queue.length > MAX_QUEUE) this.close(421, 'Too many commands are waiting')
    else if (!this.#running) void this.#drain()
  }

  async #drain(): Promise<void> {
    this.#running = true
    while (!this.over.aborted) {
      const command = this.#queue.shift()
      if (command === undefined) break
      await this.#handlers.run(command)
      if (this.#socket.writableNeedDrain) await this.#drained()
    }
    this.#running = false
  }

  /** A client that reads no replies gets no more commands done. */
  async #drained(): Promise<void> {
    const socket = this.#socket
    const { promise, resolve } = Promise.withResolvers<void>()
    const done = () => resolve()
    socket.once('drain', done).once('close', done)
    await promise
    socket.off('drain', done).off('close', done)
  }

  #write(text: string): void {
    if (!this.over.aborted && this.#socket.writable) this.#socket.write(text)
  }

  #end(): void {
    if (this.over.aborted) return
    this.#queue.length = 0
    this.#over.abort(OVER)
  }
}

/** Has a verb that no command has. */
const UNREADABLE: Command = { verb: '', argument: '' }

/** Splits at the first space. CR NUL stands for a CR inside a name (RFC 2640 §3.1). */
export function parseCommand(line: string): Command {
  const space = line.indexOf(' ')
  if (space === -1) return { verb: line.toUpperCase(), argument: '' }
  const argument = line.slice(space + 1)
  return {
    verb: line.slice(0, space).toUpperCase(),
    argument: argument.includes('\0') ? argument.replaceAll('\r\0', '\r') : argument,
  }
}

const CONTROL_CHARACTER = /[\u0000-\u001f\u007f]/
const CONTROL_CHARACTERS = /[\u0000-\u001f\u007f]/g

/** Text that cannot end its line: control characters become `?`. */
export function oneLine(text: string): string {
  return CONTROL_CHARACTER.test(text) ? text.replace(CONTROL_CHARACTERS, '?') : text
}
