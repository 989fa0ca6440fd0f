/** Blocks of memory that uploads take turns with: fresh ones would cost each upload their page faults. */
export type Blocks = {
  /** A block with whatever was in it before. */
  take(): Buffer
  /** The block must be neither read into nor written from any more. */
  giveBack(block: Buffer): void
}

/**
 * As much as a storage that is quick is written on the event loop (docs/decisions/0014): what has just come is then
 * still in the processor's cache. From a slower one more is read meanwhile, and written in one piece by a thread.
 */
export const BLOCK_BYTES = 64 * 1024
/** Those that nobody uses; more are left to the garbage collector. */
const MAX_KEPT = 128

export function createBlocks(): Blocks {
  const kept: Buffer[] = []
  return {
    take: () => kept.pop() ?? Buffer.allocUnsafeSlow(BLOCK_BYTES),
    giveBack(block) {
      if (kept.length < MAX_KEPT) kept.push(block)
    },
  }
}
