import { hashPassword } from '#credentials/passwords.ts'
import type { AccessKeyPairRecord, SiteSettings } from '#credentials/ports.ts'
import { pairContext } from '#credentials/sealing.ts'
import { bucketOf, digestValue, maskValue, newAccessKeyPair, newKeyValue } from '#credentials/values.ts'
import { Fault } from '#faults'
import { type IdentityDeps, newId } from './deps.ts'
import type { KeyValueDetails, NewKeyValue, UseDetails } from './ports.ts'

const MIN_CHOSEN_LENGTH = 12
// As many as a generated one has: some clients cut longer passwords.
const MAX_CHOSEN_LENGTH = 50

/** A secret as it is shown this once, and what is kept of it. */
export type Made<Shown, Kept> = { readonly shown: Shown; readonly kept: Kept }

export type AccessKeyPair = { readonly accessKeyId: string; readonly secretAccessKey: string }

/**
 * Refuses a value that the site or a door would not take: WebDAV ends a user name at a colon (D2), headers
 * hold visible ASCII only (D3), and neither generated values nor logins may be mistaken for it.
 * Fault: invalid (REQUIREMENTS.md, K5).
 */
export function checkChosenValue(settings: SiteSettings, value: string): void {
  if (!settings.allowChosenValues) throw new Fault('invalid', 'on this site values are generated, not chosen')
  if (value.length < MIN_CHOSEN_LENGTH || value.length > MAX_CHOSEN_LENGTH) {
    throw new Fault('invalid', `a value has ${MIN_CHOSEN_LENGTH} to ${MAX_CHOSEN_LENGTH} characters`)
  }
  if (!/^[!-9;-~]*$/.test(value)) {
    throw new Fault('invalid', 'a value has visible ASCII characters only, no space and no colon')
  }
  if (/^(lk_|@|api-)/i.test(value)) {
    throw new Fault('invalid', 'a value cannot start with lk_, @ or api-: generated values and logins do')
  }
}

/** A new value for a key: generated, or `chosen`, which was checked before. */
export async function makeValue(
  deps: IdentityDeps,
  keyId: string,
  chosen: string | undefined,
): Promise<Made<string, NewKeyValue>> {
  const { pepper, clock } = deps
  const shown = chosen ?? newKeyValue(keyId)
  const secret =
    chosen === undefined
      ? { digest: digestValue(pepper, shown), hash: null, bucket: null }
      : { digest: null, hash: await hashPassword(chosen), bucket: bucketOf(pepper, chosen) }
  const about = { id: newId(), stopsAt: null, masked: maskValue(shown), createdAt: clock.now() }
  return { shown, kept: { ...about, ...secret } }
}

/** A new S3 pair, its secret sealed for this key and version (REQUIREMENTS.md, K12). */
export function makePair(
  { sealer }: IdentityDeps,
  keyId: string,
  version: number,
): Made<AccessKeyPair, AccessKeyPairRecord> {
  const shown = newAccessKeyPair()
  const sealed = sealer.seal(shown.secretAccessKey, pairContext(keyId, version))
  return { shown, kept: { accessKeyId: shown.accessKeyId, version, sealed } }
}

/** What was never used. */
export const UNUSED: UseDetails = {
  lastUsedAt: null,
  lastUsedAddress: null,
  lastUsedDoor: null,
  lastUsedClient: null,
}

/** How lists show a value that was not used yet. */
export function unusedValue({ id, masked, hash, createdAt, stopsAt }: NewKeyValue): KeyValueDetails {
  return { id, masked, chosen: hash !== null, createdAt, stopsAt, ...UNUSED }
}
