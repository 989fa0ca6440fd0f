import { createHash, type Hash } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { Fault } from '#faults'

const ALGORITHMS: ReadonlyMap<string, string> = new Map([
  ['sha-256', 'sha256'],
  ['sha-512', 'sha512'],
  ['sha', 'sha1'],
  ['md5', 'md5'],
])

type Expected = { readonly hash: Hash; readonly digest: Buffer }

/**
 * The checksums that a request names: `Repr-Digest` and `Content-Digest` (RFC 9530), `Digest` (RFC 3230) and
 * `Content-MD5`. Algorithms that are not known are passed over. Fault `invalid` for what cannot be read.
 */
export function readDigests(headers: IncomingHttpHeaders): readonly Expected[] {
  const found: Expected[] = []
  for (const name of ['repr-digest', 'content-digest'] as const) {
    for (const item of itemsOf(headers[name])) {
      const [, algorithm = '', text] = /^([a-z0-9-]+)=:([A-Za-z0-9+/=]*):$/i.exec(item) ?? []
      if (text === undefined) throw new Fault('invalid', `${name} is a list such as sha-256=:<base64>:`)
      add(found, algorithm, text)
    }
  }
  for (const item of itemsOf(headers.digest)) {
    const [, algorithm = '', text = ''] = /^([a-z0-9-]+)=(.*)$/i.exec(item) ?? []
    add(found, algorithm, text)
  }
  for (const item of itemsOf(headers['content-md5'])) add(found, 'md5', item)
  return found
}

/** The same bytes; at their end Fault `invalid` when a checksum is another. */
export function verified(
  source: AsyncIterable<Uint8Array>,
  expected: readonly Expected[],
): AsyncIterable<Uint8Array> {
  return expected.length === 0 ? source : hashed(source, expected)
}

async function* hashed(
  source: AsyncIterable<Uint8Array>,
  expected: readonly Expected[],
): AsyncGenerator<Uint8Array> {
  for await (const chunk of source) {
    for (const { hash } of expected) hash.update(chunk)
    yield chunk
  }
  for (const { hash, digest } of expected) {
    if (!hash.digest().equals(digest)) throw new Fault('invalid', 'the checksum does not match')
  }
}

function itemsOf(header: string | string[] | undefined): readonly string[] {
  return [header ?? []]
    .flat()
    .flatMap((line) => line.split(','))
    .map((item) => item.trim())
    .filter((item) => item !== '')
}

function add(found: Expected[], name: string, text: string): void {
  const algorithm = ALGORITHMS.get(name.toLowerCase())
  if (algorithm === undefined) return
  const hash = createHash(algorithm)
  const digest = Buffer.from(text, 'base64')
  if (digest.length !== createHash(algorithm).digest().length) {
    throw new Fault('invalid', `the ${name} checksum has not the length that it should`)
  }
  found.push({ hash, digest })
}
