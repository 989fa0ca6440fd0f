import { Socket } from 'node:net'
import { BLOCK_BYTES, type Blocks } from './blocks.ts'

/** What came: `ended` by the client's end of the data, `lost` with the connection. */
export type Taken = { readonly chunks: Uint8Array[]; readonly state: 'open' | 'ended' | 'lost' }

/** Gathers what comes while earlier bytes are written; holds the client back when too much waits. */
export type Inbox = Disposable & {
  /** Begins to read; `moved` is told of all that comes. */
  start(moved: (bytes: number) => void): void
  /** The next batch, or the last one. Its chunks are valid until the next call. */
  take(): Promise<Taken>
  /** When the end came, on `performance.now()`. */
  readonly endedAt: number
  /**
   * Where nothing waits in it, and it reads nothing before this turn of the event loop ends: the connection, for
   * taking from it what comes next. Null otherwise.
   */
  direct(): Socket | null
  /** How many bytes were taken so. */
  passed(bytes: number): void
}

/** A data connection; `inbox` where it is for an upload. */
export type DataConnection = { readonly socket: Socket; readonly inbox: Inbox | null }

const BATCH_BYTES = 512 * 1024
const HELD_BYTES = 2 * 1024 * 1024
/** One `writev` takes no more pieces than this on any system. */
const BATCH_CHUNKS = 1000
const HELD_BLOCKS = HELD_BYTES / BLOCK_BYTES
/** Where the kernel moves the rest itself, it is enough to be told that something came. */
const SAMPLE_BYTES = 4 * 1024

/** Waits for `ready`, which may become true whenever the waiting one is woken. */
function createBell(ready: () => boolean): { ring(): void; wait(): Promise<void> } {
  let wake: () => void = () => {}
  return {
    ring() {
      if (ready()) wake()
    },
    async wait() {
      if (!ready()) await new Promise<void>((resolve) => (wake = resolve))
    },
  }
}

/** How a connection came to its end, and when. */
type End = { state: Taken['state']; at: number }

function watchEnd(socket: Socket, ring: () => void): End {
  const end: End = { state: socket.destroyed ? 'lost' : 'open', at: 0 }
  const finish = (how: 'ended' | 'lost') => {
    if (end.state === 'open') Object.assign(end, { state: how, at: performance.now() })
    ring()
  }
  socket.on('end', () => finish('ended'))
  socket.on('close', () => finish('lost'))
  return end
}

/** Gathers the chunks that the stream gives. */
export function gatherChunks(socket: Socket): Inbox {
  let chunks: Uint8Array[] = []
  let size = 0
  const bell = createBell(() => end.state !== 'open' || size >= BATCH_BYTES || chunks.length >= BATCH_CHUNKS)
  const end = watchEnd(socket, () => bell.ring())
  return {
    get endedAt() {
      return end.at
    },
    start(moved) {
      socket.on('data', (chunk: Buffer) => {
        chunks.push(chunk)
        size += chunk.length
        moved(chunk.length)
        if (size >= HELD_BYTES || chunks.length >= BATCH_CHUNKS) socket.pause()
        bell.ring()
      })
      socket.resume()
    },
    async take() {
      await bell.wait()
      const taken = { chunks, state: end.state }
      chunks = []
      size = 0
      if (socket.isPaused()) socket.resume()
      return taken
    },
    // TLS, or a connection of which the stream may have read more than it gave.
    direct: () => null,
    passed() {},
    [Symbol.dispose]() {},
  }
}

/**
 * Takes over an accepted connection, not read from yet, so that the kernel fills blocks of ours. The stream would
 * allocate memory outside the heap for each 64 KiB, which keeps the garbage collector busier than the upload.
 * Node offers own buffers (`onread`) for connections that are made from a handle, and net.Server has no option
 * for them: where the handle is not to be had, the stream's chunks are gathered.
 */
export function readIntoBlocks(accepted: Socket, blocks: Blocks): DataConnection {
  const handle: unknown = Reflect.get(accepted, '_handle')
  if (typeof handle !== 'object' || handle === null) {
    return { socket: accepted, inbox: gatherChunks(accepted) }
  }
  const inbox = new BlockInbox(blocks)
  const onread = { buffer: () => inbox.room(), callback: (bytes: number) => inbox.filled(bytes) }
  // Nothing is sent on it: its end is closing it.
  const options = { handle, onread, pauseOnCreate: true, allowHalfOpen: true }
  // The types know only handles of another kind, that are not connected yet.
  const socket: Socket = Reflect.construct(Socket, [options])
  socket.on('error', () => {})
  // The handle has a new owner: the old one ends without it, which is what its server counts.
  Reflect.set(accepted, '_handle', null)
  accepted.destroy()
  inbox.readFrom(socket)
  return { socket, inbox }
}

/** The first `length` bytes of a block. */
type Filled = { readonly block: Buffer; readonly length: number }

class BlockInbox implements Inbox {
  readonly #blocks: Blocks
  readonly #bell = createBell(() => this.#end.state !== 'open' || this.#full.length > 0)
  #socket: Socket | null = null
  #end: End = { state: 'open', at: 0 }
  #current: Buffer
  #length = 0
  #limit = BLOCK_BYTES
  #full: Filled[] = []
  #lent: Filled[] = []
  #moved: (bytes: number) => void = () => {}

  constructor(blocks: Blocks) {
    this.#blocks = blocks
    this.#current = blocks.take()
  }

  /** The connection that fills `room`. */
  readFrom(socket: Socket): void {
    this.#socket = socket
    this.#end = watchEnd(socket, () => this.#bell.ring())
  }

  /** Where the kernel may write what comes next. */
  room(): Buffer {
    return this.#current.subarray(this.#length, this.#limit)
  }

  /** So much came; false to read no more until `take` has made room. */
  filled(bytes: number): boolean {
    this.#moved(bytes)
    this.#length += bytes
    if (this.#length < this.#limit) return true
    this.#full.push({ block: this.#current, length: this.#length })
    this.#current = this.#blocks.take()
    this.#length = 0
    this.#bell.ring()
    return this.#full.length < HELD_BLOCKS
  }

  get endedAt(): number {
    return this.#end.at
  }

  start(moved: (bytes: number) => void): void {
    this.#moved = moved
    this.#socket?.resume()
  }

  async take(): Promise<Taken> {
    this.#giveBack()
    await this.#bell.wait()
    const { state } = this.#end
    this.#lent = this.#full
    this.#full = []
    if (state === 'open') this.#socket?.resume()
    const last = state !== 'open' && this.#length > 0 ? [{ block: this.#current, length: this.#length }] : []
    return { chunks: [...this.#lent, ...last].map(filledPart), state }
  }

  direct(): Socket | null {
    const waits = this.#length > 0 || this.#full.length > 0
    return this.#end.state === 'open' && !waits ? this.#socket : null
  }

  passed(bytes: number): void {
    this.#limit = bytes < BLOCK_BYTES ? BLOCK_BYTES : SAMPLE_BYTES
  }

  [Symbol.dispose](): void {
    // Nothing may be read into blocks that others have.
    if (this.#end.state !== 'ended') this.#socket?.destroy()
    this.#lent.push(...this.#full, { block: this.#current, length: this.#length })
    this.#giveBack()
  }

  #giveBack(): void {
    for (const { block } of this.#lent) this.#blocks.giveBack(block)
    this.#lent = []
  }
}

function filledPart({ block, length }: Filled): Buffer {
  return length === block.length ? block : block.subarray(0, length)
}
