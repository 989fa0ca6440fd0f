import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'

/** A key that seals secrets. `id` is 8 hex digits and stands in the clear before each sealed text. */
export type MasterKey = { readonly id: string; readonly bytes: Buffer }

/**
 * Seals short secrets with AES-256-GCM. `context` (key id and version) is bound to the sealed text: it
 * cannot be moved to another row. `open` throws when key, context or text do not fit.
 */
export type Sealer = {
  seal(text: Buffer | string, context: string): Buffer
  open(sealed: Buffer, context: string): Buffer
  /** True when the text was sealed under another master key than the current one. */
  isOutdated(sealed: Buffer): boolean
}

/** Master keys as they are now, the current one first. */
export type MasterKeys = readonly [MasterKey, ...MasterKey[]]

const ID_BYTES = 4
const NONCE_BYTES = 12
const TAG_BYTES = 16

/**
 * The first master key seals; all of them open. Layout: key id, nonce, tag, ciphertext. `load` reads the keys
 * again wherever another process may have rotated them: all but opening under a key that is known.
 */
export function createSealer(load: () => MasterKeys): Sealer {
  let keys = load()

  function keyFor(sealed: Buffer): MasterKey {
    const id = sealedWith(sealed)
    const known = keys.find((key) => key.id === id)
    if (known !== undefined) return known
    keys = load()
    const found = keys.find((key) => key.id === id)
    if (found === undefined) throw new Error(`sealed with master key ${id}, which is not there`)
    return found
  }

  return {
    seal(text, context) {
      keys = load()
      const [current] = keys
      const nonce = randomBytes(NONCE_BYTES)
      const cipher = createCipheriv('aes-256-gcm', current.bytes, nonce).setAAD(Buffer.from(context))
      const body = Buffer.concat([cipher.update(text), cipher.final()])
      return Buffer.concat([Buffer.from(current.id, 'hex'), nonce, cipher.getAuthTag(), body])
    },
    open(sealed, context) {
      const { bytes } = keyFor(sealed)
      const nonce = sealed.subarray(ID_BYTES, ID_BYTES + NONCE_BYTES)
      const tag = sealed.subarray(ID_BYTES + NONCE_BYTES, ID_BYTES + NONCE_BYTES + TAG_BYTES)
      const decipher = createDecipheriv('aes-256-gcm', bytes, nonce, { authTagLength: TAG_BYTES })
      decipher.setAAD(Buffer.from(context)).setAuthTag(tag)
      const body = sealed.subarray(ID_BYTES + NONCE_BYTES + TAG_BYTES)
      return Buffer.concat([decipher.update(body), decipher.final()])
    },
    isOutdated(sealed) {
      keys = load()
      return sealedWith(sealed) !== keys[0].id
    },
  }
}

/** The id of the master key under which a text was sealed. */
export function sealedWith(sealed: Buffer): string {
  return sealed.toString('hex', 0, ID_BYTES)
}

export function newMasterKey(): MasterKey {
  return { id: randomBytes(ID_BYTES).toString('hex'), bytes: randomBytes(32) }
}

/** What a secret access key is sealed for. */
export function pairContext(keyId: string, version: number): string {
  return `${keyId}:${version}`
}
