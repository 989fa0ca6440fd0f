/** Blocks of memory that uploads take turns with: fresh ones would cost each upload their page faults. */
export type Blocks = {
  /** A block with whatever was in it before. */
  take(): Buffer
  /** The block must be neither read into nor written from any more. */
  giveBack(block: Buffer): void
}

export const BLOCK_BYTES = 256 * 1024
/** Those that nobody uses; more are left to the garbage collector. */
const MAX_KEPT = 32

export function createBlocks(): Blocks {
  const kept: Buffer[] = []
  return {
    take: () => kept.pop() ?? Buffer.allocUnsafeSlow(BLOCK_BYTES),
    giveBack(block) {
      if (kept.length < MAX_KEPT) kept.push(block)
    },
  }
}
