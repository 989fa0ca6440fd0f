import type { Attempt } from './gate.ts'
import type { Person } from './ports.ts'
import { type Proven, whoIsPerson } from './proven.ts'
import type { Way, WayDeps } from './way.ts'

type Form = { readonly name: string; readonly password: string; readonly inConsole?: boolean }

/**
 * Passwords verified for one attempt where no site is known and users of several may have the name: always as
 * many, with decoys, so that the time does not tell how many there are.
 */
const PEOPLE_WITHOUT_SITE = 3

/** A user's own name and password (REQUIREMENTS.md, D7). Where no site is known, the password decides. */
export function personPassword(deps: WayDeps, attempt: Attempt, form: Form): Way {
  const { name, password } = form
  const by = form.inConsole === true ? 'console' : 'password'
  const { store, memory, verified, checks } = deps
  const { siteId, address } = attempt
  const mark = verified.mark(['person', siteId, name, password])
  return {
    guess: { login: `person ${siteId ?? ''} ${name}` },
    remembered() {
      const held = verified.recall(mark)
      const person = held?.userId == null ? null : memory.personById(held.userId)
      return person !== null && person.passwordHash === held?.hash ? { by, person } : null
    },
    async prove() {
      const site = siteId ?? (await store.soleSiteId())
      const people = (await store.peopleByName(name, site)).toSorted(byChance)
      const proven: Proven[] = []
      for (let at = 0; at < (site === null ? PEOPLE_WITHOUT_SITE : 1); at++) {
        const person = people[at]
        const isRight = await checks.password(person?.passwordHash ?? null, password, { address, mark })
        if (isRight && person !== undefined) proven.push({ by, person })
      }
      const [only] = people
      const who = only !== undefined && people.length === 1 ? whoIsPerson(only) : null
      return { proven, reason: only === undefined ? 'unknown' : 'wrong_value', who }
    },
    remember(proven) {
      if (!('person' in proven) || proven.person.passwordHash === null) return
      const { user, passwordHash: hash } = proven.person
      verified.remember(mark, { siteId: user.siteId, userId: user.id, keyId: null, valueId: null, hash })
    },
  }
}

/** Those who can log in with a password at all come first. */
function byChance(a: Person, b: Person): number {
  return Number(canLogIn(b)) - Number(canLogIn(a))
}

function canLogIn({ passwordHash, site, user }: Person): boolean {
  return passwordHash !== null && site.settings.passwordLogin && site.enabled && user.enabled
}
