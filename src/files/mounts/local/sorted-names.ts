import { lowerBound } from '../../order.ts'

/** The names of a folder in ListKey order. */
export type SortedNames = {
  readonly length: number
  /** How much memory it takes, about. */
  readonly bytes: number
  /** Undefined behind the end. */
  at(index: number): string | undefined
  /** Index of the first that is not before `key`. */
  lowerBound(key: string): number
}

/** For one page: as the strings that they are. */
export function looseNames(sorted: readonly string[]): SortedNames {
  return {
    length: sorted.length,
    bytes: sorted.length * 64,
    at: (index) => sorted[index],
    lowerBound: (key) => lowerBound(sorted, key),
  }
}

/** For keeping: one block outside of the heap, which a collection of garbage need not walk through. */
export function packedNames(sorted: readonly string[]): SortedNames {
  const { length } = sorted
  const ends = new Uint32Array(length)
  let end = 0
  for (let index = 0; index < length; index++) {
    end += Buffer.byteLength(sorted[index] ?? '')
    ends[index] = end
  }
  const block = Buffer.allocUnsafeSlow(end)
  const startOf = (index: number) => (index === 0 ? 0 : (ends[index - 1] ?? 0))
  for (let index = 0; index < length; index++) block.write(sorted[index] ?? '', startOf(index))
  return {
    length,
    bytes: end + ends.byteLength,
    at: (index) => (index < length ? block.toString('utf8', startOf(index), ends[index]) : undefined),
    lowerBound(key) {
      const wanted = Buffer.from(key)
      let low = 0
      let high = length
      while (low < high) {
        const middle = (low + high) >>> 1
        if (block.compare(wanted, 0, wanted.length, startOf(middle), ends[middle]) < 0) low = middle + 1
        else high = middle
      }
      return low
    },
  }
}
