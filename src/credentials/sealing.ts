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

const ID_BYTES = 4
const NONCE_BYTES = 12
const TAG_BYTES = 16

/** The first master key seals; all of them open. Layout: key id, nonce, tag, ciphertext. */
export function createSealer(masterKeys: readonly [MasterKey, ...MasterKey[]]): Sealer {
  const [current] = masterKeys
  const byId = new Map(masterKeys.map((key) => [key.id, key]))
  return {
    seal(text, context) {
      const nonce = randomBytes(NONCE_BYTES)
      const cipher = createCipheriv('aes-256-gcm', current.bytes, nonce).setAAD(Buffer.from(context))
      const body = Buffer.concat([cipher.update(text), cipher.final()])
      return Buffer.concat([Buffer.from(current.id, 'hex'), nonce, cipher.getAuthTag(), body])
    },
    open(sealed, context) {
      const id = sealed.toString('hex', 0, ID_BYTES)
      const key = byId.get(id)
      if (key === undefined) throw new Error(`sealed with master key ${id}, which is not there`)
      const nonce = sealed.subarray(ID_BYTES, ID_BYTES + NONCE_BYTES)
      const tag = sealed.subarray(ID_BYTES + NONCE_BYTES, ID_BYTES + NONCE_BYTES + TAG_BYTES)
      const decipher = createDecipheriv('aes-256-gcm', key.bytes, nonce, { authTagLength: TAG_BYTES })
      decipher.setAAD(Buffer.from(context)).setAuthTag(tag)
      const body = sealed.subarray(ID_BYTES + NONCE_BYTES + TAG_BYTES)
      return Buffer.concat([decipher.update(body), decipher.final()])
    },
    isOutdated(sealed) {
      return sealed.toString('hex', 0, ID_BYTES) !== current.id
    },
  }
}

export function newMasterKey(): MasterKey {
  return { id: randomBytes(ID_BYTES).toString('hex'), bytes: randomBytes(32) }
}

/** What a secret access key is sealed for. */
export function pairContext(keyId: string, version: number): string {
  return `${keyId}:${version}`
}
