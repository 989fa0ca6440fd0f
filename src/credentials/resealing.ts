import type { SealedStore } from './ports.ts'
import { pairContext, type Sealer, sealedWith } from './sealing.ts'
import { totpContext } from './totp.ts'

const PAGE = 500

/** One sealed text: what it is sealed for, and how it is put back. */
type Sealed = {
  readonly context: string
  readonly sealed: Buffer
  replace(sealed: Buffer): Promise<void>
}

/**
 * Seals everything again that an older master key sealed (REQUIREMENTS.md, K12). Runs beside a server: each
 * text is replaced by itself, and both keys open meanwhile. Resolves with how many were sealed again.
 */
export async function resealAll(store: SealedStore, sealer: Sealer): Promise<number> {
  let count = 0
  for await (const text of everySealed(store)) {
    if (!sealer.isOutdated(text.sealed)) continue
    await text.replace(sealer.seal(sealer.open(text.sealed, text.context), text.context))
    count += 1
  }
  return count
}

/** How many texts each master key seals, by its id. */
export async function countSealed(store: SealedStore): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>()
  for await (const { sealed } of everySealed(store)) {
    const id = sealedWith(sealed)
    counts.set(id, (counts.get(id) ?? 0) + 1)
  }
  return counts
}

async function* everySealed(store: SealedStore): AsyncIterable<Sealed> {
  for (const { name, sealed } of await store.secrets()) {
    yield { context: name, sealed, replace: (fresh) => store.replaceSecret(name, sealed, fresh) }
  }
  yield* everyPair(store)
  yield* everyFactor(store)
}

async function* everyFactor(store: SealedStore): AsyncIterable<Sealed> {
  for (let after: string | undefined = ''; after !== undefined; ) {
    const page: Awaited<ReturnType<SealedStore['factors']>> = await store.factors(after, PAGE)
    for (const { userId, sealed } of page) {
      const context = totpContext(userId)
      yield { context, sealed, replace: (fresh) => store.replaceFactor(userId, sealed, fresh) }
    }
    after = page.at(-1)?.userId
  }
}

async function* everyPair(store: SealedStore): AsyncIterable<Sealed> {
  let after = ''
  for (;;) {
    const page = await store.pairs(after, PAGE)
    for (const { accessKeyId, keyId, version, sealed } of page) {
      yield {
        context: pairContext(keyId, version),
        sealed,
        replace: (fresh) => store.replacePair(accessKeyId, sealed, fresh),
      }
    }
    const last = page.at(-1)
    if (last === undefined || page.length < PAGE) return
    after = last.accessKeyId
  }
}
