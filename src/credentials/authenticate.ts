import type { Principal } from '#permissions/principal.ts'
import { chosenValue } from './chosen-value.ts'
import type { Attempt } from './gate.ts'
import { generatedValue } from './generated-value.ts'
import { guest } from './guest.ts'
import type { RefusalReason } from './judge.ts'
import { readLoginForm } from './login-form.ts'
import { personPassword } from './person-password.ts'
import { judgeProven, type Proven, principalOfProven, type Who, whoProved } from './proven.ts'
import { signature } from './signature.ts'
import { sshKey } from './ssh-key.ts'
import type { Throttle } from './throttle.ts'
import { NOTHING_TO_REMEMBER, type Way, type WayDeps } from './way.ts'

export type AuthenticateDeps = WayDeps & { readonly throttle: Throttle }

/** `who` was meant or let in, for the audit; null when nobody was found. */
export type Verdict =
  | { readonly ok: true; readonly principal: Principal; readonly proven: Proven; readonly who: Who }
  | {
      readonly ok: false
      readonly reason: RefusalReason
      readonly who: Who | null
      /** Milliseconds for which the caller is held back; 0 for none. */
      readonly wait: number
    }

/**
 * Who is there? The one function behind every door. Memory may say yes; no is said only after the whole
 * proof, which takes the same steps for a wrong, unknown, expired or disabled key, a right one of another
 * site, and a decoy (REQUIREMENTS.md, R2).
 */
export async function authenticate(deps: AuthenticateDeps, attempt: Attempt): Promise<Verdict> {
  const { throttle, clock } = deps
  const way = wayOf(deps, attempt)
  const known = way.remembered()
  if (known !== null && judgeProven(known, attempt, clock.now()) === null) return letIn(known)
  // Right values and signatures are never held back: nobody reaches them by guessing.
  const wait = way.guess === null ? 0 : throttle.wait(attempt.address, way.guess.login)
  if (wait > 0) return { ok: false, reason: 'held_back', who: null, wait }
  const { proven, reason, who } = await way.prove()
  const reasons = proven.map((one) => judgeProven(one, attempt, clock.now()))
  const chosen = proven[reasons.indexOf(null)]
  if (chosen === undefined) {
    const [first] = proven
    const why = { reason: reasons[0] ?? reason, who: first === undefined ? who : whoProved(first) }
    return { ok: false, ...why, wait: countRefusal(deps, attempt, way) }
  }
  way.remember(chosen)
  if (way.guess?.login != null) throttle.proved(attempt.address, way.guess.login)
  return letIn(chosen)
}

function letIn(proven: Proven): Verdict {
  return { ok: true, principal: principalOfProven(proven), proven, who: whoProved(proven) }
}

function countRefusal({ throttle }: AuthenticateDeps, { address, proof }: Attempt, { guess }: Way): number {
  // A request that presents nothing is how HTTP clients learn of the challenge.
  if (proof.kind === 'none') return 0
  if (guess === null) return throttle.refused(address)
  throttle.guessed(address, guess.login)
  return throttle.wait(address, guess.login)
}

function wayOf(deps: WayDeps, attempt: Attempt): Way {
  const form = readLoginForm(attempt)
  switch (form.kind) {
    case 'guest':
      return guest(deps, attempt.siteId, form.presented)
    case 'generated':
      return generatedValue(deps, form)
    case 'chosen':
      return chosenValue(deps, attempt, form)
    case 'person':
      return personPassword(deps, attempt, form)
    case 'ssh_key':
      return sshKey(deps, attempt, form)
    case 'signature':
      return signature(deps, form)
    case 'mistyped':
      return MISTYPED
  }
}

const MISTYPED: Way = {
  guess: null,
  remember: NOTHING_TO_REMEMBER,
  remembered: () => null,
  prove: async () => ({ proven: [], reason: 'mistyped', who: null }),
}
