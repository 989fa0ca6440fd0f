import { Fault } from '#faults'
import type { StagedUpload } from '#files/types.ts'

const BATCH_BYTES = 512 * 1024
/** Blocks below this are not worth it, and may be part of a pool. */
const LARGE = 16 * 1024
/** One `writev` takes no more pieces than this on any system. */
const BATCH_CHUNKS = 1_000

/** The part of a staged upload or part that receiving needs. */
export type ByteSink = Pick<StagedUpload, 'write'>

export type ReceiveOptions = {
  /** Where the first byte goes; default 0. */
  readonly position?: number
  /** More bytes than this are Fault `too_large`. */
  readonly limit?: number
  /** Rejects with the signal's reason. */
  readonly signal?: AbortSignal
  /** Nobody else looks at the chunks: their memory is given back as soon as they are written. */
  readonly owned?: boolean
}

/**
 * Writes a body to a staged upload and returns its length. 512 KiB are gathered for one write, and the next are
 * gathered while it runs: never more than 1 MiB is held. Does not commit.
 */
export async function receiveBody(
  source: AsyncIterable<Uint8Array>,
  upload: ByteSink,
  options: ReceiveOptions = {},
): Promise<number> {
  const { position = 0, limit = Number.POSITIVE_INFINITY, signal, owned = false } = options
  let received = 0
  let flushed = 0
  let batch: Uint8Array[] = []
  let writing: Promise<void> = Promise.resolve()
  try {
    for await (const chunk of source) {
      if (signal?.aborted) throw signal.reason
      received += chunk.length
      if (received > limit) throw new Fault('too_large', 'body is too large')
      batch.push(chunk)
      if (received - flushed < BATCH_BYTES && batch.length < BATCH_CHUNKS) continue
      await writing
      writing = written(upload, batch, position + flushed, owned)
      // Awaited later: a failure must not count as unhandled until then.
      writing.catch(() => {})
      flushed = received
      batch = []
    }
  } finally {
    await writing
  }
  if (batch.length > 0) await upload.write(batch, position + flushed)
  return received
}

async function written(
  upload: ByteSink,
  chunks: readonly Uint8Array[],
  position: number,
  owned: boolean,
): Promise<void> {
  await upload.write(chunks, position)
  if (owned) for (const chunk of chunks) giveBack(chunk)
}

// node takes a block of its own for each piece of a body. Left to the collector of garbage, they cost a fifth of the
// CPU of an upload.
function giveBack({ buffer, byteLength }: Uint8Array): void {
  if (byteLength >= LARGE && buffer.byteLength === byteLength && buffer instanceof ArrayBuffer)
    buffer.transfer(0)
}

/** A whole small body. More than `limit` bytes are Fault `too_large`. */
export async function readSmallBody(source: AsyncIterable<Uint8Array>, limit: number): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of source) {
    length += chunk.length
    if (length > limit) throw new Fault('too_large', 'body is too large')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
