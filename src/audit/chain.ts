import { createHash, createHmac, createSecretKey, type KeyObject } from 'node:crypto'
import type { AuditEntry, ChainHead, ChainPlace, ChainRoot } from './ports.ts'

/** Makes the MAC of a head or of the root: 32 bytes. */
export type Seal = (text: string) => Buffer

/** What the first entry of a chain names as its predecessor. */
export const ORIGIN: Buffer = Buffer.alloc(32)

/** Who holds the database alone cannot make these: the pepper is sealed under the master key. */
export function headSeal(pepper: KeyObject): Seal {
  const key = createSecretKey(createHmac('sha256', pepper).update('latchkey audit heads 1').digest())
  return (text) => createHmac('sha256', key).update(text).digest()
}

/** SHA-256 over a JSON list of the place, the hash before and every field of the entry. */
export function linkHash(
  { writer, number }: ChainPlace,
  previous: Buffer,
  entry: Required<AuditEntry>,
): Buffer {
  const fields = [
    'latchkey audit 1',
    previous.toString('hex'),
    writer,
    number,
    entry.at,
    entry.action,
    entry.outcome,
    entry.reason,
    entry.siteId,
    entry.siteName,
    entry.userId,
    entry.userName,
    entry.keyId,
    entry.keyName,
    entry.door,
    entry.address,
    entry.subject,
    entry.target,
  ]
  return createHash('sha256').update(JSON.stringify(fields)).digest()
}

/** What the MAC of a head is made of. */
export function headText(head: ChainHead): string {
  const { writer, ordinal, startedAt, count, hash, prunedCount, prunedHash } = head
  const hashes = [hash.toString('hex'), prunedHash.toString('hex')]
  return JSON.stringify(['head', writer, ordinal, startedAt, count, prunedCount, ...hashes])
}

/** What the MAC of the root is made of. */
export function rootText({ started, removed }: ChainRoot): string {
  return JSON.stringify(['root', started, removed])
}

/** The subject of the entry that starts a chain: the chain before, as it was then. */
export function followsText(before: ChainHead | null): string {
  if (before === null) return 'the first chain'
  return `after entry ${before.count} of ${before.writer} ${before.hash.toString('hex')}`
}

/** The entry that such a subject names; null for the first chain. */
export function readFollows(subject: string): (ChainPlace & { readonly hash: string }) | null {
  const [, number, writer, hash] = /^after entry (\d{1,15}) of (\S+) ([0-9a-f]{64})$/.exec(subject) ?? []
  if (number === undefined || writer === undefined || hash === undefined) return null
  return { writer, number: Number(number), hash }
}
