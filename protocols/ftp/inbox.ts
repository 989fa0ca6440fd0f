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
function watchEnd(socket: Socket, ring: () => void): { state: Taken['state']; at: number } {
  const end: { state: Taken['state']; at: number } = { state: socket.destroyed ? 'lost' : 'open', at: 0 }
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
  const filling = createFilling(blocks)
  const onread = { buffer: filling.room, callback: filling.filled }
  // Nothing is sent on it: its end is closing it.
  const options = { handle, onread, pauseOnCreate: true, allowHalfOpen: true }
  // The types know only handles of another kind, that are not connected yet.
  const socket: Socket = Reflect.construct(Socket, [options])
  socket.on('error', () => {})
  // The handle has a new owner: the old one ends without it, which is what its server counts.
  Reflect.set(accepted, '_handle', null)
  accepted.destroy()
  return { socket, inbox: filling.inbox(socket) }
}

type Filling = {
  room(): Buffer
  filled(bytes: number): boolean
  inbox(socket: Socket): Inbox
}

/** The first `length` bytes of a block. */
type Filled = { readonly block: Buffer; readonly length: number }

function createFilling(blocks: Blocks): Filling {
  let current = blocks.take()
  let length = 0
  let limit = BLOCK_BYTES
  let full: Filled[] = []
  let lent: Filled[] = []
  let moved: (bytes: number) => void = () => {}
  let ring: () => void = () => {}

  function giveBack(): void {
    for (const { block } of lent) blocks.giveBack(block)
    lent = []
  }

  function inbox(socket: Socket): Inbox {
    const bell = createBell(() => end.state !== 'open' || full.length > 0)
    const end = watchEnd(socket, () => bell.ring())
    ring = bell.ring
    return {
      get endedAt() {
        return end.at
      },
      start(tell) {
        moved = tell
        socket.resume()
      },
      async take() {
        giveBack()
        await bell.wait()
        const { state } = end
        lent = full
        full = []
        if (state === 'open') socket.resume()
        const last = state !== 'open' && length > 0 ? [{ block: current, length }] : []
        return { chunks: [...lent, ...last].map(filledPart), state }
      },
      direct: () => (end.state === 'open' && length === 0 && full.length === 0 ? socket : null),
      passed(bytes) {
        limit = bytes < BLOCK_BYTES ? BLOCK_BYTES : SAMPLE_BYTES
      },
      [Symbol.dispose]() {
        // Nothing may be read into blocks that others have.
        if (end.state !== 'ended') socket.destroy()
        lent.push(...full, { block: current, length })
        giveBack()
      },
    }
  }

  return {
    room: () => current.subarray(length, limit),
    filled(bytes) {
      moved(bytes)
      length += bytes
      if (length < limit) return true
      full.push({ block: current, length })
      current = blocks.take()
      length = 0
      ring()
      return full.length < HELD_BLOCKS
    },
    inbox,
  }
}

function filledPart({ block, length }: Filled): Buffer {
  return length === block.length ? block : block.subarray(0, length)
}
