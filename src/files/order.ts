/** UTF-8 byte order of two strings, without encoding them. */
export function compareKeys(a: string, b: string): number {
  const shorter = Math.min(a.length, b.length)
  for (let i = 0; i < shorter; i++) {
    const x = a.charCodeAt(i)
    const y = b.charCodeAt(i)
    if (x !== y) return x >= 0xd800 && y >= 0xd800 ? lift(x) - lift(y) : x - y
  }
  return a.length - b.length
}

// UTF-16 sorts surrogates (code points from U+10000) before U+E000 to U+FFFF; UTF-8 sorts them behind.
function lift(unit: number): number {
  return unit >= 0xe000 ? unit - 0x800 : unit + 0x2000
}

/** Index of the first key that is not before `key`. */
export function lowerBound(sorted: readonly string[], key: string): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (compareKeys(sorted[middle] ?? '', key) < 0) low = middle + 1
    else high = middle
  }
  return low
}

const RUN = 16_384

/** Sorts without holding the event loop for more than some milliseconds at a time. */
export async function sortKeys(keys: string[]): Promise<string[]> {
  if (keys.length <= RUN) return keys.sort(compareKeys)
  let runs: string[][] = []
  for (let start = 0; start < keys.length; start += RUN) {
    runs.push(keys.slice(start, start + RUN).sort(compareKeys))
    await breathe()
  }
  while (runs.length > 1) {
    const merged: string[][] = []
    for (let i = 0; i < runs.length; i += 2) merged.push(await merge(runs[i] ?? [], runs[i + 1] ?? []))
    runs = merged
  }
  return runs[0] ?? []
}

async function merge(a: readonly string[], b: readonly string[]): Promise<string[]> {
  const out: string[] = new Array(a.length + b.length)
  let i = 0
  let j = 0
  for (let k = 0; k < out.length; k++) {
    const x = a[i]
    const y = b[j]
    if (y === undefined || (x !== undefined && compareKeys(x, y) <= 0)) {
      out[k] = x ?? ''
      i++
    } else {
      out[k] = y
      j++
    }
    if (k % RUN === RUN - 1) await breathe()
  }
  return out
}

function breathe(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
