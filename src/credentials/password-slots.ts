import { Fault } from '#faults'
import { decoyHash, verifyPassword } from './passwords.ts'

/** What a check is for. `mark` names the attempt: equal marks and hashes have equal answers. */
export type CheckFor = { readonly address: string; readonly mark: string }

/**
 * True when the secret made the hash. Null: nobody was found, and a decoy is verified, which takes as long.
 * Fault `unavailable` when too many checks wait already.
 */
export type PasswordCheck = (hash: string | null, secret: string, attempt: CheckFor) => Promise<boolean>

export type SlotOptions = {
  /** Each takes 64 MiB and a tenth of a second of one core. */
  readonly atOnce?: number
  readonly waiting?: number
  /** Of those that wait or run, so that one address cannot take every place. */
  readonly perAddress?: number
  readonly verify?: (hash: string, secret: string) => Promise<boolean>
}

const DECOY = decoyHash()

/** Verifies Argon2id hashes, few at once. The same check asked for twice at the same time runs once. */
export function createPasswordCheck(options: SlotOptions = {}): PasswordCheck {
  const { atOnce = 2, waiting = 64, perAddress = 4, verify = verifyPassword } = options
  const running = new Map<string, Promise<boolean>>()
  const taken = new Map<string, number>()
  const queue: (() => void)[] = []
  let free = atOnce

  async function slot(): Promise<void> {
    if (free > 0) free -= 1
    else await new Promise<void>((resolve) => queue.push(resolve))
  }

  function release(address: string): void {
    const next = queue.shift()
    if (next === undefined) free += 1
    else next()
    const left = (taken.get(address) ?? 1) - 1
    if (left === 0) taken.delete(address)
    else taken.set(address, left)
  }

  async function run(hash: string, secret: string, address: string): Promise<boolean> {
    const held = taken.get(address) ?? 0
    if (queue.length >= waiting || held >= perAddress) {
      throw new Fault('unavailable', 'too many logins are being checked', { retryAfter: 1 })
    }
    taken.set(address, held + 1)
    await slot()
    try {
      return await verify(hash, secret)
    } finally {
      release(address)
    }
  }

  return (hash, secret, { address, mark }) => {
    const name = `${hash ?? ''} ${mark}`
    const same = running.get(name)
    if (same !== undefined) return same
    const check = run(hash ?? DECOY, secret, address).finally(() => running.delete(name))
    running.set(name, check)
    return check
  }
}
