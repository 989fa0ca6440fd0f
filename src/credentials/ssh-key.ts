import type { Attempt } from './gate.ts'
import type { SshKeySignature } from './proof.ts'
import { type Proven, whoIsPerson } from './proven.ts'
import { isSigned } from './ssh-public-key.ts'
import { NOTHING_TO_REMEMBER, type Way, type WayDeps } from './way.ts'

type Form = { readonly name: string; readonly key: SshKeySignature }

/**
 * A user's own name and a signature by one of the user's SSH keys (REQUIREMENTS.md, D7). The signature is
 * checked whoever is found. Where no site is known and users of several have the name, the key decides.
 */
export function sshKey({ store }: WayDeps, { siteId }: Attempt, { name, key }: Form): Way {
  return {
    guess: null,
    remember: NOTHING_TO_REMEMBER,
    remembered: () => null,
    async prove() {
      const isRight = isSigned(key)
      const site = siteId ?? (await store.soleSiteId())
      const people = await store.peopleByName(name, site)
      const proven: Proven[] = people.flatMap((person) => {
        const held = person.sshKeys?.find(({ blob }) => blob.equals(key.blob))
        return isRight && held !== undefined ? [{ by: 'ssh_key', person, key: held }] : []
      })
      const [only] = people
      const who = only !== undefined && people.length === 1 ? whoIsPerson(only) : null
      return { proven, reason: only === undefined ? 'unknown' : 'wrong_value', who }
    },
  }
}
