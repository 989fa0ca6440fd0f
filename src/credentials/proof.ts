/** What a client presents. It is verified, then dropped; nothing of it is stored or logged. */
export type Proof =
  /** WebDAV Basic, SFTP and FTP logins. */
  | { readonly kind: 'password'; readonly login: string; readonly password: string }
  /** The console's form: a person's name and password. A second factor is asked for afterwards. */
  | { readonly kind: 'person'; readonly login: string; readonly password: string }
  /** REST headers: the key's value alone. */
  | { readonly kind: 'bearer'; readonly value: string }
  /** S3: `matches` recomputes the request's signature with the secret. */
  | { readonly kind: 'sigv4'; readonly accessKeyId: string; matches(secret: AccessSecret): boolean }
  /** SFTP: a signature by the SSH key of a person. An offered key is none: it proves nothing. */
  | { readonly kind: 'ssh_key'; readonly login: string; readonly key: SshKeySignature }
  /** Nothing presented: the guest key, where a site has one. */
  | { readonly kind: 'none' }

/**
 * A secret access key while it is in memory. The object is the same as long as the secret is valid and
 * unchanged, so a door may hang what it derives from it (signing keys) on it with a WeakMap.
 */
export type AccessSecret = { readonly text: string }

/**
 * A signature that a client made with an SSH key over its session and its request (RFC 4252, 7). `blob` is the
 * public key as SSH writes it (RFC 4253, 6.6); `signature` is DER for ECDSA, otherwise as SSH writes it.
 */
export type SshKeySignature = {
  readonly blob: Buffer
  readonly algorithm: string
  readonly signature: Buffer
  readonly signed: Buffer
}
