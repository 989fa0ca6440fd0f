import { Fault } from '#faults'

const MAX_NAME_LENGTH = 100
const MAX_DESCRIPTION_LENGTH = 1000
const CONTROL = /[\p{Cc}\u2028\u2029]/u
const SITE_NAME = /^[\p{L}\p{N}][\p{L}\p{N}._ -]*$/u
const HOST = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/

/** A key's name (REQUIREMENTS.md, K3): it is part of a login. Fault: invalid. */
export function checkKeyName(name: string): void {
  checkLoginPart('key name', name)
  if (/^\d+$/.test(name)) throw new Fault('invalid', 'a key name cannot be digits only')
}

/** A user's name. What key logins start with is kept for them. Fault: invalid. */
export function checkUserName(name: string): void {
  checkLoginPart('user name', name)
  if (/^(@|api-)/i.test(name)) {
    throw new Fault('invalid', 'a user name cannot start with @ or api-: key logins do')
  }
  if (/^(guest|anonymous)$/i.test(name)) {
    throw new Fault('invalid', `a user cannot be called ${name}: guests log in so`)
  }
}

/** An SSH key's name: mostly the comment of its file, `ann@laptop`. Fault: invalid. */
export function checkSshKeyName(name: string): void {
  if (name.trim() === '' || name.length > MAX_NAME_LENGTH) {
    throw new Fault('invalid', `an SSH key's name has 1 to ${MAX_NAME_LENGTH} characters`)
  }
  if (CONTROL.test(name) || !name.isWellFormed()) {
    throw new Fault('invalid', "an SSH key's name cannot hold control characters")
  }
}

/** A group's name. Fault: invalid. */
export function checkGroupName(name: string): void {
  checkLoginPart('group name', name)
}

/** An e-mail address, roughly: one @ between two parts without spaces. Fault: invalid. */
export function checkEmail(text: string): void {
  if (!/^[^\s@]{1,64}@[^\s@]{1,189}$/.test(text) || CONTROL.test(text) || !text.isWellFormed()) {
    throw new Fault('invalid', 'this is no e-mail address')
  }
}

/** A site's name. It names a folder too, so it starts with a letter or digit. Fault: invalid. */
export function checkSiteName(name: string): void {
  checkLoginPart('site name', name)
  if (!SITE_NAME.test(name)) {
    throw new Fault('invalid', 'a site name has letters, digits, spaces, and . _ - after the first character')
  }
}

/** A host name in small letters, without port. Fault: invalid. */
export function checkHost(text: string): string {
  const host = text.toLowerCase()
  if (!HOST.test(host)) throw new Fault('invalid', `'${text}' is no host name`)
  return host
}

/** Free text of at most 1000 characters. Fault: invalid. */
export function checkDescription(text: string): void {
  if (text.length > MAX_DESCRIPTION_LENGTH) {
    throw new Fault('invalid', `a description has at most ${MAX_DESCRIPTION_LENGTH} characters`)
  }
  if (CONTROL.test(text) || !text.isWellFormed()) {
    throw new Fault('invalid', 'a description cannot hold control characters')
  }
}

function checkLoginPart(what: string, name: string): void {
  if (name === '') throw new Fault('invalid', `a ${what} is needed`)
  if (name.length > MAX_NAME_LENGTH) {
    throw new Fault('invalid', `a ${what} has at most ${MAX_NAME_LENGTH} characters`)
  }
  if (name.trim() !== name) throw new Fault('invalid', `a ${what} cannot start or end with a space`)
  if (/[:/]/.test(name)) throw new Fault('invalid', `a ${what} cannot hold : or /`)
  if (CONTROL.test(name) || !name.isWellFormed()) {
    throw new Fault('invalid', `a ${what} cannot hold control characters`)
  }
}
