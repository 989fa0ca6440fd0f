import type { IdentityDeps } from './deps.ts'
import type { RecordRef } from './ports.ts'

/** The same, whose changes are made only while the record has this version. Fault of those: precondition. */
export function whileVersion(deps: IdentityDeps, ref: RecordRef, version: number): IdentityDeps {
  return { ...deps, store: deps.store.expecting(ref, version) }
}
