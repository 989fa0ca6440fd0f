import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createListingCache } from '#files/mounts/local/listing.ts'
import { looseNames, packedNames } from '#files/mounts/local/sorted-names.ts'

const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 }).map((text) => text.toWellFormed())
const bytes = (text: string) => Buffer.from(text)
const sorted = (names: readonly string[]) => names.toSorted((a, b) => Buffer.compare(bytes(a), bytes(b)))

describe('the names of a folder', () => {
  test('packed ones are the same, in the same order and found at the same place as loose ones', () => {
    fc.assert(
      fc.property(fc.uniqueArray(name, { maxLength: 40 }), name, (names, wanted) => {
        const loose = looseNames(sorted(names))
        const packed = packedNames(sorted(names))
        const all = Array.from({ length: packed.length + 1 }, (_, index) => packed.at(index))
        expect(all).toEqual([...sorted(names), undefined])
        for (const key of [...names, wanted, '']) expect(packed.lowerBound(key)).toBe(loose.lowerBound(key))
      }),
    )
  })

  test('many who ask for the same folder at once read it once', async () => {
    const cache = createListingCache()
    const names = Array.from({ length: 1_000 }, (_, index) => `f${index}`).sort()
    let reads = 0
    const read = async () => {
      reads += 1
      return packedNames(names)
    }
    const got = await Promise.all(Array.from({ length: 10 }, () => cache.read('folder', read)))
    expect(new Set(got).size).toBe(1)
    await cache.read('folder', read)
    expect(reads).toBe(1)
  })

  test('what is kept stays below its bytes, the least used goes first; a failure is not kept', async () => {
    const names = packedNames(Array.from({ length: 1_000 }, (_, index) => `f${index}`).sort())
    const cache = createListingCache(names.bytes * 2)
    const reads: string[] = []
    const get = (key: string) =>
      cache.read(key, async () => {
        reads.push(key)
        return names
      })
    for (const key of ['a', 'b', 'a', 'c', 'a', 'b']) await get(key)
    expect(reads).toEqual(['a', 'b', 'c', 'b'])
    const failing = cache.read('d', () => Promise.reject(new Error('gone')))
    await expect(failing).rejects.toThrow('gone')
    expect(await get('d')).toBe(names)
  })
})
