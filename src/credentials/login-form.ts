import type { Attempt } from './gate.ts'
import type { AccessSecret, SshKeySignature } from './proof.ts'
import { readValue } from './values.ts'

/** Which key a login speaks of: an id or a name, nothing (the value stands alone), or none of this form. */
export type Named =
  | { readonly kind: 'named'; readonly name: string }
  | { readonly kind: 'alone' | 'not_a_key' }

/** What was presented, read without any look-up. */
export type LoginForm =
  | { readonly kind: 'guest'; readonly presented: boolean }
  | { readonly kind: 'generated'; readonly keyId: string; readonly value: string; readonly named: Named }
  | { readonly kind: 'chosen'; readonly value: string; readonly named: Named }
  | {
      readonly kind: 'person'
      readonly name: string
      readonly password: string
      /** In the console's form, which asks for the second factor by itself. */
      readonly inConsole?: boolean
    }
  | { readonly kind: 'signature'; readonly accessKeyId: string; matches(secret: AccessSecret): boolean }
  | { readonly kind: 'ssh_key'; readonly name: string; readonly key: SshKeySignature }
  /** Cannot be right, whatever the records hold: a typing error (REQUIREMENTS.md, K5), or endless text. */
  | { readonly kind: 'mistyped' }

/** Longer ones are neither made nor chosen. */
const MAX_SECRET_LENGTH = 256
const ALONE: Named = { kind: 'alone' }

/** Tells the forms of proof apart (REQUIREMENTS.md, D1–D3, D7, D8). Pure. */
export function readLoginForm({ proof, door }: Pick<Attempt, 'proof' | 'door'>): LoginForm {
  switch (proof.kind) {
    case 'none':
      return { kind: 'guest', presented: false }
    case 'sigv4':
      return { kind: 'signature', accessKeyId: proof.accessKeyId, matches: (secret) => proof.matches(secret) }
    case 'person':
      return personForm(proof.login, proof.password, true)
    case 'ssh_key':
      if (proof.login.length > MAX_SECRET_LENGTH) return { kind: 'mistyped' }
      return { kind: 'ssh_key', name: proof.login, key: proof.key }
    case 'bearer':
      return keyForm(proof.value, ALONE)
    case 'password':
      return passwordForm(proof.login, proof.password, door)
  }
}

function passwordForm(login: string, password: string, door: Attempt['door']): LoginForm {
  const name = /^@?api-(.*)$/su.exec(login)?.[1]
  if (name !== undefined) return keyForm(password, { kind: 'named', name })
  if (takesGuests(door) && /^(anonymous|guest)$/i.test(login)) return { kind: 'guest', presented: true }
  if (door === 'webdav' && login === password) return keyForm(password, ALONE)
  if (readValue(password).kind === 'generated') return keyForm(password, { kind: 'not_a_key' })
  return personForm(login, password, false)
}

function personForm(name: string, password: string, inConsole: boolean): LoginForm {
  if (name.length + password.length > 2 * MAX_SECRET_LENGTH) return { kind: 'mistyped' }
  return { kind: 'person', name, password, inConsole }
}

// What anonymous clients send where the protocol has no request without a login.
function takesGuests(door: Attempt['door']): boolean {
  return door === 'ftp' || door === 'webdav'
}

function keyForm(value: string, named: Named): LoginForm {
  if (value.length > MAX_SECRET_LENGTH) return { kind: 'mistyped' }
  const read = readValue(value)
  switch (read.kind) {
    case 'generated':
      return { kind: 'generated', keyId: read.keyId, value, named }
    case 'mistyped':
      return { kind: 'mistyped' }
    case 'chosen':
      return { kind: 'chosen', value, named }
  }
}
