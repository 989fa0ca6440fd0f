import { randomUUID } from 'node:crypto'
import type { ServerChannel } from 'ssh2'
import { Fault, toFault } from '#faults'
import type { Files } from '#files/types.ts'
import type { VirtualPath } from '#permissions/path.ts'
import type { DoorLog } from '../protocol.ts'
import type { Context, Handler } from './context.ts'
import { HANDLERS, OVERLAPPING } from './dispatch.ts'
import { STATUS_OF_FAULT } from './faults.ts'
import { createFramer } from './framing.ts'
import { createHandles } from './handles.ts'
import type { Output } from './output.ts'
import { createOverlay } from './overlay.ts'
import { openRequest, type Request, statusReply } from './packets.ts'
import { createReplies, type Replies } from './replies.ts'
import { abandonHandles } from './requests/close.ts'
import { versionReply } from './requests/extended.ts'
import { REQUEST } from './wire.ts'

/** Bytes and number of requests taken in and not answered, above which the channel is not read. */
const MAX_INBOUND_BYTES = 4 * 1024 * 1024
const MAX_INBOUND_REQUESTS = 512
/** ssh2 does not refuse what a client sends beyond the window that it was given. */
const MAX_UNREAD_BYTES = 8 * 1024 * 1024

type Options = {
  readonly channel: ServerChannel
  readonly output: Output
  readonly files: Files
  /** Where the session starts; the root unless it is given. */
  readonly home?: VirtualPath | undefined
  readonly log: DoorLog
  /** Ends the whole connection: the client broke the protocol, or was revoked. */
  readonly cut: (reason: string) => void
}

/**
 * One SFTP subsystem. Everything but READ and WRITE is done in the order in which it came, each when the one
 * before is done (lftp sends WRITE, FSETSTAT, CLOSE in one go; sshfs OPEN and LSTAT).
 */
export class SftpSession {
  readonly #options: Options
  readonly #context: Context
  readonly #ending = new AbortController()
  readonly #queue: Request[] = []
  readonly #replies: Replies
  #inbound = 0
  /** Requests that were started and are not answered. */
  #running = 0
  #greeted = false
  #busy = false
  #working: Promise<void> | null = null
  #abandoned: Promise<void> | null = null
  #inputEnded = false
  #paused = false
  /** The client broke the protocol: what it wrote is not worth keeping. */
  #broken = false

  constructor(options: Options) {
    this.#options = options
    const { channel, output, files, home } = options
    const signal = this.#ending.signal
    this.#context = { files, output, signal, handles: createHandles(), overlay: createOverlay(files) }
    this.#replies = createReplies(output)
    const frame = createFramer((pieces) => this.#enqueue(openRequest(pieces, home)))
    channel.on('data', (chunk: Buffer) => this.#receive(frame, chunk))
    channel.on('end', () => {
      this.#inputEnded = true
      this.#work()
    })
  }

  /** True when nothing is open and nothing is asked for. */
  get idle(): boolean {
    return this.#context.handles.size === 0 && this.#queue.length === 0 && this.#running === 0
  }

  /** True when the client sends without regard to its window. */
  get flooded(): boolean {
    return this.#options.channel.readableLength > MAX_UNREAD_BYTES
  }

  /**
   * Stops at once: what was not closed is lost, which the same key may resume. Resolves when nothing is open.
   */
  abandon(): Promise<void> {
    this.#abandoned ??= this.#abandon()
    return this.#abandoned
  }

  async #abandon(): Promise<void> {
    this.#ending.abort()
    this.#queue.length = 0
    this.#context.output.close()
    await this.#endHandles()
    // An OPEN that was under way may have made one more.
    await this.#working
    await this.#endHandles()
  }

  #endHandles(): Promise<void> {
    return abandonHandles(this.#context, this.#broken ? 'dropped' : 'lost')
  }

  #cut(reason: string): void {
    this.#broken = true
    this.#options.cut(reason)
  }

  #receive(frame: (chunk: Buffer) => void, chunk: Buffer): void {
    if (this.#ending.signal.aborted) return
    try {
      frame(chunk)
    } catch (error) {
      this.#cut(toFault(error).message)
      return
    }
    this.#work()
    this.#regulate()
  }

  #enqueue(request: Request): void {
    this.#inbound += request.size
    this.#queue.push(request)
  }

  /** Reads the channel or leaves it, so that a client cannot fill the memory. */
  #regulate(): void {
    const full = this.#inbound > MAX_INBOUND_BYTES || this.#queue.length > MAX_INBOUND_REQUESTS
    if (full === this.#paused) return
    this.#paused = full
    if (full) this.#options.channel.pause()
    else this.#options.channel.resume()
  }

  #work(): void {
    if (this.#busy) return
    this.#busy = true
    this.#working = this.#answerAll()
  }

  async #answerAll(): Promise<void> {
    try {
      await this.#answerQueue()
      if (this.#inputEnded && !this.#busy && this.#running === 0) await this.#finish()
    } catch (error) {
      this.#options.log.error({ err: error }, 'sftp: session failed')
      this.#cut('internal error')
    }
  }

  async #answerQueue(): Promise<void> {
    const { output } = this.#context
    try {
      for (let request = this.#queue.shift(); request !== undefined; request = this.#queue.shift()) {
        if (output.full()) await output.room()
        if (this.#ending.signal.aborted) return
        const answered = this.#answer(request)
        if (!OVERLAPPING.has(request.type)) await answered
        this.#regulate()
      }
    } finally {
      // In the same turn in which the queue was found empty: more may come before anything awaited goes on.
      this.#busy = false
    }
  }

  /** The client is done: answers are out, so the channel is closed in order. */
  async #finish(): Promise<void> {
    if (this.#ending.signal.aborted) return
    this.#inputEnded = false
    await this.#endHandles()
    this.#options.channel.exit(0)
    this.#options.channel.end()
  }

  async #answer(request: Request): Promise<void> {
    const turn = this.#replies.turn()
    this.#running += 1
    try {
      turn(await this.#handle(request))
    } catch (error) {
      turn(this.#refuse(request, error))
    } finally {
      this.#running -= 1
      this.#inbound -= request.size
      this.#regulate()
      if (this.#inputEnded) this.#work()
    }
  }

  #handle(request: Request): ReturnType<Handler> {
    if (!this.#greeted) return this.#greet(request)
    const handler = HANDLERS.get(request.type)
    if (handler === undefined) throw new Fault('unsupported', 'unknown request')
    return handler(this.#context, request)
  }

  #greet(request: Request): Buffer {
    // Fault `unauthenticated` has no status: the connection ends.
    if (request.type !== REQUEST.init) throw new Fault('unauthenticated', 'INIT must come first')
    this.#greeted = true
    return versionReply()
  }

  /** Null when there is no answer but the end of the connection. */
  #refuse(request: Request, error: unknown): Buffer | null {
    if (this.#ending.signal.aborted) return null
    const fault = toFault(error)
    const status = STATUS_OF_FAULT[fault.code]
    if (status !== 'close') return statusReply(request.id, status, this.#explain(request, fault))
    this.#cut(fault.message)
    return null
  }

  /** What the client may know; of an internal error only the id under which it was logged. */
  #explain(request: Request, fault: Fault): string {
    if (fault.code !== 'internal') return fault.message
    const id = randomUUID()
    this.#options.log.error(
      { request: id, type: request.type, err: fault.cause ?? fault },
      'sftp: request failed',
    )
    return `internal error ${id}`
  }
}
