import { Fault } from '#faults'
import type { StagedUpload } from '#files/types.ts'

const BATCH_BYTES = 512 * 1024
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
  const { position = 0, limit = Number.POSITIVE_INFINITY, signal } = options
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
      writing = upload.write(batch, position + flushed)
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
