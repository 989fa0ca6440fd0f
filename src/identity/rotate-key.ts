import { Fault } from '#faults'
import { type Actor, auditEntry } from './actor.ts'
import type { IssuedKey } from './create-key.ts'
import { commit, type IdentityDeps } from './deps.ts'
import { checkChosenValue, makePair, makeValue, UNUSED, unusedValue } from './key-values.ts'
import { reachKey } from './keys.ts'
import type { KeyDetails, KeyValueDetails } from './ports.ts'

export type RotationInput = {
  /** How long the values before it go on, in milliseconds, 0 to 30 days; 0 when absent. */
  readonly overlap?: number | undefined
  /** A chosen value, where the site allows that. */
  readonly value?: string | undefined
  /** Also replaces the S3 access key pair. S3 clients know one pair: the old one stops at once. */
  readonly pair?: boolean | undefined
}

const LONGEST_OVERLAP = 30 * 86_400_000

/**
 * Gives a key a new value; id and login stay. The values before it stop when the overlap is over, or earlier
 * where they would have anyway (REQUIREMENTS.md, K9). Faults: forbidden, not_found, invalid.
 */
export async function rotateKey(
  deps: IdentityDeps,
  actor: Actor,
  siteId: string,
  keyId: string,
  input: RotationInput = {},
): Promise<IssuedKey> {
  const { site, key } = await reachKey(deps, actor, siteId, keyId)
  const { overlap = 0, value: chosen } = input
  checkRotation(key, overlap, input.pair === true)
  if (chosen !== undefined) checkChosenValue(site.settings, chosen)
  const value = await makeValue(deps, key.id, chosen)
  const pair = input.pair ? makePair(deps, key.id, (key.pairVersion ?? 0) + 1) : null
  const oldStopAt = value.kept.createdAt + overlap
  const what = pair === null ? 'value' : 'value and S3 pair'
  const subject = `key ${key.id} ${key.name} (${what}, overlap ${Math.ceil(overlap / 1000)} s)`
  const audit = auditEntry(deps, actor, { action: 'key.rotate', siteId: site.id, subject })
  const rotation = { value: value.kept, oldStopAt, pair: pair?.kept ?? null }
  await commit(deps, deps.store.rotateKey(site.id, key.id, rotation, audit))
  const details: KeyDetails = {
    ...key,
    accessKeyId: pair?.shown.accessKeyId ?? key.accessKeyId,
    pairVersion: pair?.kept.version ?? key.pairVersion,
    pairUse: pair === null ? key.pairUse : UNUSED,
    values: [...stopping(key.values, value.kept.createdAt, oldStopAt), unusedValue(value.kept)],
  }
  return { key: details, value: value.shown, pair: pair?.shown ?? null }
}

function checkRotation(key: KeyDetails, overlap: number, pair: boolean): void {
  if (key.type === 'guest') throw new Fault('invalid', 'a guest key has no value')
  if (!Number.isSafeInteger(overlap) || overlap < 0 || overlap > LONGEST_OVERLAP) {
    throw new Fault('invalid', 'values overlap for 0 seconds to 30 days')
  }
  if (pair && key.accessKeyId === null) throw new Fault('invalid', 'this key has no S3 access key pair')
}

/** What the store does to the values before. */
function stopping(values: readonly KeyValueDetails[], now: number, oldStopAt: number): KeyValueDetails[] {
  return values
    .filter(({ stopsAt }) => stopsAt === null || stopsAt > now)
    .map((value) => ({ ...value, stopsAt: Math.min(value.stopsAt ?? oldStopAt, oldStopAt) }))
}
