import type { IssuedKey as Issued } from '#identity/create-key.ts'

/** A key as its owner needs it once: with its value and S3 pair. */
export type IssuedKey = {
  readonly login: string
  readonly value: string
  readonly accessKeyId: string | null
  readonly secretAccessKey: string | null
}

export function issuedKey({ key, value, pair }: Issued): IssuedKey {
  return {
    login: `@api-${key.id}`,
    value,
    accessKeyId: pair?.accessKeyId ?? null,
    secretAccessKey: pair?.secretAccessKey ?? null,
  }
}
