import { Fault } from '#faults'
import { parseDuration, parseInstant } from '#identity/times.ts'
import type { UserChanges } from '#identity/users.ts'
import type { Role } from '#permissions/principal.ts'
import type { CommandContext, OptionSpec, OptionSpecs } from './command.ts'
import { CONDITION_OPTIONS, readConditionOptions } from './conditions.ts'

/* What the commands about sites and users have in common. */

export const FORCE: OptionSpec = { type: 'boolean', help: 'even when it is the last administrator' }

/** Options that describe a user. */
export const USER_OPTIONS: OptionSpecs = {
  role: { type: 'string', value: 'ROLE', help: 'member or administrator' },
  email: { type: 'string', value: 'ADDRESS', help: 'where to reach them; none for no address' },
  home: { type: 'string', value: 'PATH', help: 'folder in which their sessions start' },
  expires: { type: 'string', value: 'WHEN', help: '12h, 30d, 4w, an ISO date, or never' },
  ...CONDITION_OPTIONS,
}

/** What those options say. Fault: invalid. */
export function readUserOptions(context: Pick<CommandContext, 'identity' | 'text'>): UserChanges {
  const { identity, text } = context
  const role = text('role')
  const email = text('email')
  return {
    role: role === undefined ? undefined : readRole(role),
    email: email === 'none' ? null : email,
    homeFolder: text('home'),
    expiresAt: readWhen('--expires', text('expires'), identity.clock.now()),
    conditions: readConditionOptions(context),
  }
}

/** A role by name. Fault: invalid. */
export function readRole(text: string): Role {
  if (text === 'administrator' || text === 'member') return text
  throw new Fault('invalid', `--role is member or administrator, not '${text}'`)
}

/** `yes` or `no`. Fault: invalid. */
export function readYesNo(option: string, text: string | undefined): boolean | undefined {
  if (text === undefined) return undefined
  if (text === 'yes' || text === 'no') return text === 'yes'
  throw new Fault('invalid', `${option} is yes or no, not '${text}'`)
}

/** Refuses a call that names nothing to change. Fault: invalid. */
export function needChange(context: Pick<CommandContext, 'text'>, options: OptionSpecs): void {
  if (Object.keys(options).some((name) => context.text(name) !== undefined)) return
  const names = Object.keys(options).map((name) => `--${name}`)
  throw new Fault('invalid', `nothing to change: give at least one of ${names.join(', ')}`)
}

function readWhen(option: string, text: string | undefined, now: number): number | null | undefined {
  if (text === undefined) return undefined
  if (text === 'never') return null
  const duration = parseDuration(text)
  const at = duration === null ? parseInstant(text) : now + duration
  if (at === null)
    throw new Fault('invalid', `${option} is like 12h, 30d, 2027-01-31 or never, not '${text}'`)
  return at
}
