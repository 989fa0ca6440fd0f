import { createHash, type Hash } from 'node:crypto'
import { Fault } from '#faults'

const ALGORITHMS: ReadonlyMap<string, string> = new Map([
  ['MD5', 'md5'],
  ['SHA1', 'sha1'],
  ['SHA256', 'sha256'],
])

type Checksum = { readonly hash: Hash; readonly expected: string }

/** Reads an OC-Checksum header (`SHA1:…`); null when there is none or its algorithm is not known. */
export function readChecksum(header: string | undefined): Checksum | null {
  const [name = '', expected = ''] = header?.trim().split(':') ?? []
  const algorithm = ALGORITHMS.get(name.toUpperCase())
  return algorithm === undefined ? null : { hash: createHash(algorithm), expected: expected.toLowerCase() }
}

/** The same body; at its end Fault `invalid` when the checksum is another. */
export function verified(
  source: AsyncIterable<Uint8Array>,
  checksum: Checksum | null,
): AsyncIterable<Uint8Array> {
  return checksum === null ? source : hashed(source, checksum)
}

async function* hashed(
  source: AsyncIterable<Uint8Array>,
  { hash, expected }: Checksum,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of source) {
    hash.update(chunk)
    yield chunk
  }
  if (hash.digest('hex') !== expected) throw new Fault('invalid', 'checksum does not match')
}
