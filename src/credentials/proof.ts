/** What a client presents. It is verified, then dropped; nothing of it is stored or logged. */
export type Proof =
  /** WebDAV Basic, SFTP and FTP logins. */
  | { readonly kind: 'password'; readonly login: string; readonly password: string }
  /** REST headers: the key's value alone. */
  | { readonly kind: 'bearer'; readonly value: string }
  /** S3: `matches` recomputes the request's signature with the secret. */
  | { readonly kind: 'sigv4'; readonly accessKeyId: string; matches(secret: AccessSecret): boolean }
  /** Nothing presented: the guest key, where a site has one. */
  | { readonly kind: 'none' }

/**
 * A secret access key while it is in memory. The object is the same as long as the secret is valid and
 * unchanged, so a door may hang what it derives from it (signing keys) on it with a WeakMap.
 */
export type AccessSecret = { readonly text: string }
