import { createHash } from 'node:crypto'
import { type Algorithm, createChecksum } from './checksums.ts'

export type DigestOptions = {
  readonly sha256: boolean
  readonly checksums: readonly Algorithm[]
}

/** Of a whole body. */
export type BodyDigests = {
  readonly md5: Uint8Array
  /** Null unless asked for. */
  readonly sha256: Uint8Array | null
  readonly checksums: readonly (readonly [Algorithm, Uint8Array])[]
}

export type RunningDigests = {
  update(piece: Uint8Array): void
  /** Once. */
  end(): BodyDigests
}

/** Takes the digests of a body piece by piece: MD5 always, for the ETag. */
export function createRunningDigests({ sha256, checksums }: DigestOptions): RunningDigests {
  const md5 = createHash('md5')
  const sha = sha256 ? createHash('sha256') : null
  const sums = checksums.map((algorithm) => [algorithm, createChecksum(algorithm)] as const)
  return {
    update(piece) {
      md5.update(piece)
      sha?.update(piece)
      for (const [, sum] of sums) sum.update(piece)
    },
    end: () => ({
      md5: md5.digest(),
      sha256: sha?.digest() ?? null,
      checksums: sums.map(([algorithm, sum]) => [algorithm, sum.digest()] as const),
    }),
  }
}
