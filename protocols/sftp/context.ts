import type { Files } from '#files/types.ts'
import type { Handles } from './handles.ts'
import type { Output } from './output.ts'
import type { Overlay } from './overlay.ts'
import type { Request } from './packets.ts'

/** What a request works on. */
export type Context = {
  readonly files: Files
  readonly handles: Handles
  readonly overlay: Overlay
  readonly output: Output
  /** Aborted when the session ends: long work stops by it. */
  readonly signal: AbortSignal
}

/** A packet whose bytes can be used again when it was sent. */
export type Reply = { readonly packet: Buffer; readonly sent: () => void }

/** Answers one request with a packet. A Fault becomes a STATUS. */
export type Handler = (context: Context, request: Request) => Promise<Buffer | Reply> | Buffer
