import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { type BodyDigests, createRunningDigests, type DigestOptions } from './digests.ts'
import type { HashAnswer, HashOrder } from './hash-worker.ts'

/** Digests of one body. Disposal before the end drops them. */
export type BodyHash = Disposable & {
  /** Takes the bytes before it returns; a promise says that the next ones must wait for it. */
  update(piece: Uint8Array): Promise<void> | undefined
  end(): Promise<BodyDigests>
}

/**
 * Takes digests of long bodies in threads beside the event loop: MD5 and SHA-256 are slower than the network, and
 * would hold up everybody else.
 */
export type HashPool = AsyncDisposable & {
  /** `length` in bytes, null when unknown. */
  open(length: number | null, options: DigestOptions): BodyHash
}

/** Below this, handing the bytes over costs more than hashing them. */
const WORTH_BYTES = 512 * 1024
const BLOCK_BYTES = 128 * 1024
/** Blocks of one body that wait for their thread. */
const MOST_BLOCKS = 4
/** Bodies in threads at the same time; the memory for blocks follows it. */
const MOST_LANES = 64
const MOST_THREADS = 4

export function createHashPool(threads = Math.min(availableParallelism() - 1, MOST_THREADS)): HashPool {
  const running: (HashThread | null)[] = new Array(Math.max(threads, 1)).fill(null)
  let open = 0

  function leastBusy(): HashThread {
    const living = running.filter((thread) => thread !== null && !thread.ended())
    const [idlest] = living.filter((thread) => thread !== null).sort((a, b) => a.lanes() - b.lanes())
    if (idlest !== undefined && (idlest.lanes() === 0 || living.length === running.length)) return idlest
    const started = startThread()
    running[running.findIndex((thread) => thread === null || thread.ended())] = started
    return started
  }

  return {
    open(length, options) {
      if ((length !== null && length < WORTH_BYTES) || open >= MOST_LANES) return here(options)
      open += 1
      return leastBusy().open(options, () => {
        open -= 1
      })
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(running.map((thread) => thread?.stop()))
    },
  }
}

function here(options: DigestOptions): BodyHash {
  const digests = createRunningDigests(options)
  return {
    update(piece) {
      digests.update(piece)
      return undefined
    },
    end: async () => digests.end(),
    [Symbol.dispose]() {},
  }
}

type Lane = {
  freed(block: SharedArrayBuffer): void
  done(digests: BodyDigests): void
  failed(error: Error): void
}

type HashThread = {
  open(options: DigestOptions, closed: () => void): BodyHash
  lanes(): number
  ended(): boolean
  stop(): Promise<unknown>
}

function startThread(): HashThread {
  const worker = new Worker(new URL('./hash-worker.ts', import.meta.url))
  worker.unref()
  const lanes = new Map<number, Lane>()
  let next = 0
  let failure: Error | null = null
  const fail = (error: Error) => {
    failure ??= error
    for (const lane of lanes.values()) lane.failed(failure)
    lanes.clear()
  }
  worker.on('message', (answer: HashAnswer) => {
    const lane = lanes.get(answer.lane)
    if (answer.kind === 'free') lane?.freed(answer.block)
    else lane?.done(answer.digests)
  })
  worker.on('error', fail)
  worker.on('exit', () => fail(new Error('the thread for digests has ended')))
  const say = (order: HashOrder) => worker.postMessage(order)
  return {
    open(options, closed) {
      const id = next++
      say({ kind: 'open', lane: id, options })
      const close = () => {
        lanes.delete(id)
        closed()
      }
      const { lane, hash } = laneOf(id, say, close)
      lanes.set(id, lane)
      if (failure !== null) lane.failed(failure)
      return hash
    },
    lanes: () => lanes.size,
    ended: () => failure !== null,
    stop: () => worker.terminate(),
  }
}

/** One body: its bytes are gathered in shared blocks, which go to and fro between the threads. */
function laneOf(
  id: number,
  say: (order: HashOrder) => void,
  close: () => void,
): { lane: Lane; hash: BodyHash } {
  const blocks = createBlocks((block, length) => say({ kind: 'block', lane: id, block, length }))
  const result = quiet<BodyDigests>()
  let closed = false
  function end(): void {
    if (!closed) close()
    closed = true
  }
  return {
    lane: {
      freed: blocks.freed,
      done(digests) {
        result.resolve(digests)
        end()
      },
      failed(error) {
        blocks.failed(error)
        result.reject(error)
        end()
      },
    },
    hash: {
      update: blocks.add,
      end() {
        blocks.flush()
        if (!closed) say({ kind: 'end', lane: id })
        return result.promise
      },
      [Symbol.dispose]() {
        if (!closed) say({ kind: 'drop', lane: id })
        end()
      },
    },
  }
}

type Blocks = {
  add: BodyHash['update']
  flush(): void
  freed(block: SharedArrayBuffer): void
  failed(error: Error): void
}

function createBlocks(send: (block: SharedArrayBuffer, length: number) => void): Blocks {
  const free: SharedArrayBuffer[] = []
  let made = 0
  let block: SharedArrayBuffer | null = null
  let filled = 0
  let failure: Error | null = null
  let freed = quiet<void>()

  function flush(): void {
    if (block !== null && filled > 0) send(block, filled)
    block = null
    filled = 0
  }
  function nextBlock(): SharedArrayBuffer {
    const again = free.pop()
    if (again !== undefined) return again
    made += 1
    return new SharedArrayBuffer(BLOCK_BYTES)
  }
  return {
    add(piece) {
      if (failure !== null) throw failure
      for (let from = 0; from < piece.length; ) {
        block ??= nextBlock()
        const length = Math.min(piece.length - from, BLOCK_BYTES - filled)
        new Uint8Array(block, filled, length).set(piece.subarray(from, from + length))
        from += length
        filled += length
        if (filled === BLOCK_BYTES) flush()
      }
      if (block !== null || free.length > 0 || made < MOST_BLOCKS) return undefined
      freed = quiet()
      return freed.promise
    },
    flush,
    freed(one) {
      free.push(one)
      freed.resolve()
    },
    failed(error) {
      failure = error
      freed.reject(error)
    },
  }
}

/** A promise that nobody has to wait for when it is rejected. */
function quiet<T>(): PromiseWithResolvers<T> {
  const made = Promise.withResolvers<T>()
  made.promise.catch(() => {})
  return made
}
