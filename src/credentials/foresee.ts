import type { Foreseen, Wish } from '#files/types.ts'
import type { Principal } from '#permissions/principal.ts'
import { judge } from './judge.ts'
import type { Account, CredentialStore, Foresee } from './ports.ts'
import { principalOf } from './principal.ts'

export type ForeseeDeps = {
  readonly store: Pick<CredentialStore, 'accountByKeyId'>
  /** What the files layer would answer. */
  readonly files: { foresee(principal: Principal, wish: Wish): Promise<Foreseen> }
}

/** Asks what login and files would ask, of the key as it is now: with its value that lasts longest. */
export function createForesee({ store, files }: ForeseeDeps): Foresee {
  return async (keyId, wish) => {
    const account = await store.accountByKeyId(keyId)
    if (account === null) return null
    const { door, address, now } = wish
    const valueStopsAt = lastStop(account)
    const reason = judge(account, { door, address, now, siteId: null, valueStopsAt })
    if (reason !== null) return { allow: false, reason }
    return files.foresee(principalOf(account, valueStopsAt), wish)
  }
}

function lastStop({ values }: Account): number | null {
  const stops = values.map(({ stopsAt }) => stopsAt).filter((at) => at !== null)
  return values.length === 0 || stops.length < values.length ? null : Math.max(...stops)
}
