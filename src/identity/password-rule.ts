import { Fault } from '#faults'

export const MIN_PASSWORD_LENGTH = 12
const MAX_PASSWORD_LENGTH = 256

/** Refuses what is too short to be a password, or too long to be typed. Fault: invalid. */
export function checkPassword(password: string): void {
  const length = [...password].length
  if (length < MIN_PASSWORD_LENGTH) {
    throw new Fault('invalid', `a password has at least ${MIN_PASSWORD_LENGTH} characters`)
  }
  if (length > MAX_PASSWORD_LENGTH) {
    throw new Fault('invalid', `a password has at most ${MAX_PASSWORD_LENGTH} characters`)
  }
}
