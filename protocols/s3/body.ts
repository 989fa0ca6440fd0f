import { Fault } from '#faults'
import { readXml, type XmlElement } from '#net/xml.ts'
import { type Call, header } from './call.ts'
import { scopeText } from './canonical.ts'
import { type Algorithm, algorithmOfHeader, checksumHeader, isChecksum } from './checksums.ts'
import { type ChunkDecoder, createChunkChain, createChunkDecoder } from './chunked.ts'
import type { BodyDigests } from './digests.ts'
import { S3Fault } from './errors.ts'

/** What was computed over a body that arrived whole and right. */
export type Digests = {
  /** MD5 as hex: the ETag. */
  readonly md5: string
  /** Header name to base64, of those that were sent or asked for. */
  readonly checksums: Readonly<Record<string, string>>
}

/**
 * A body in clear, whatever form it came in. Iterate it once and to its end: only then is it verified
 * (length, hash, chunk signatures, Content-MD5, checksums), and only then do the digests exist.
 */
export type VerifiedBody = AsyncIterable<Uint8Array> & { digests(): Digests }

type Payload =
  | { readonly kind: 'plain'; readonly sha256: string | null }
  | { readonly kind: 'chunked'; readonly signed: boolean }

const PAYLOADS: ReadonlyMap<string, Payload> = new Map<string, Payload>([
  ['UNSIGNED-PAYLOAD', { kind: 'plain', sha256: null }],
  ['STREAMING-UNSIGNED-PAYLOAD-TRAILER', { kind: 'chunked', signed: false }],
  ['STREAMING-AWS4-HMAC-SHA256-PAYLOAD', { kind: 'chunked', signed: true }],
  ['STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER', { kind: 'chunked', signed: true }],
])

export type BodyOptions = {
  /** A checksum to compute besides those that were sent. */
  readonly also?: Algorithm | undefined
  /** The checksum header speaks of something else than this body (CompleteMultipartUpload). */
  readonly ignoreHeader?: boolean
}

/**
 * Reads what the headers promise of the body; its bytes come when it is iterated. Checksums in a presigned
 * query are ignored: SDKs put that of an empty body there. Faults InvalidRequest, InvalidDigest at once;
 * BadDigest and others at the end.
 */
export function verifiedBody(call: Call, { also, ignoreHeader = false }: BodyOptions = {}): VerifiedBody {
  const payload = readPayload(call)
  const expectedMd5 = readContentMd5(call)
  const sent = ignoreHeader ? null : readSentChecksum(call)
  const promised = readTrailerNames(call)
  const decoder = payload.kind === 'chunked' ? chunkDecoder(call, payload.signed, promised) : null
  const wanted = [also, sent?.algorithm, ...promised.map(algorithmOfHeader)].filter(
    (one) => one !== undefined,
  )
  const sha256 = payload.kind === 'plain' && payload.sha256 !== null
  let digests: Digests | null = null

  async function* bytes(): AsyncGenerator<Uint8Array> {
    using hash = call.hashes.open(lengthOf(call), { sha256, checksums: [...new Set(wanted)] })
    for await (const raw of call.exchange.body) {
      for (const piece of decoder === null ? [raw] : decoder.push(asBuffer(raw))) {
        const wait = hash.update(piece)
        if (wait !== undefined) await wait
        yield piece
      }
    }
    const trailers = decoder?.finish() ?? NO_TRAILERS
    const computed = await hash.end()
    checkSha256(computed.sha256, payload)
    digests = {
      md5: checkedMd5(computed.md5, expectedMd5),
      checksums: checkedSums(computed.checksums, sent, trailers),
    }
  }

  return {
    [Symbol.asyncIterator]: bytes,
    digests() {
      if (digests === null) throw new Error('the body was not read to its end')
      return digests
    },
  }
}

type SentChecksum = { readonly algorithm: Algorithm; readonly value: string }

const NO_TRAILERS: ReadonlyMap<string, string> = new Map()

/** As the client says, or null. */
function lengthOf(call: Call): number | null {
  const text = header(call, 'content-length')
  return text === undefined ? null : Number(text)
}

/** Bytes of content that the client says will come; undefined when it does not say. */
export function announcedLength(call: Call): number | undefined {
  const decoded = header(call, 'x-amz-decoded-content-length')
  if (decoded !== undefined) return /^\d{1,15}$/.test(decoded) ? Number(decoded) : undefined
  return readPayload(call).kind === 'plain' ? (lengthOf(call) ?? undefined) : undefined
}

function checkedMd5(md5: Uint8Array, expected: Buffer | null): string {
  const bytes = asBuffer(md5)
  if (expected === null || bytes.equals(expected)) return bytes.toString('hex')
  throw new S3Fault('BadDigest', 'The Content-MD5 you specified did not match what we received.')
}

/** Each checksum by its header name, the same as was sent in header or trailer. Fault BadDigest. */
function checkedSums(
  sums: BodyDigests['checksums'],
  sent: SentChecksum | null,
  trailers: ReadonlyMap<string, string>,
): Record<string, string> {
  const checksums: Record<string, string> = {}
  for (const [algorithm, sum] of sums) {
    const name = checksumHeader(algorithm)
    const value = asBuffer(sum).toString('base64')
    const given = trailers.get(name) ?? (sent?.algorithm === algorithm ? sent.value : value)
    if (given !== value) {
      throw new S3Fault('BadDigest', `The ${algorithm} you specified did not match the calculated checksum.`)
    }
    checksums[name] = value
  }
  return checksums
}

export type XmlBodyOptions = BodyOptions & { readonly maxBytes: number; readonly maxNodes: number }

/** The root of an XML body, verified; null when it is empty. Fault MalformedXML. */
export async function xmlBody(call: Call, options: XmlBodyOptions): Promise<XmlElement | null> {
  const { maxBytes, maxNodes } = options
  try {
    return await readXml(verifiedBody(call, options), { maxBytes, maxNodes, maxDepth: 16 })
  } catch (error) {
    if (error instanceof S3Fault || !(error instanceof Fault)) throw error
    throw new S3Fault('MalformedXML', `${error.message}.`)
  }
}

/** Reads and verifies a body that does not matter otherwise. */
export async function discardBody(call: Call, limit = 64 * 1024): Promise<void> {
  let length = 0
  for await (const chunk of verifiedBody(call)) {
    length += chunk.length
    if (length > limit) throw new S3Fault('EntityTooLarge')
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function readPayload(call: Call): Payload {
  const text = call.signed?.claim.payload ?? header(call, 'x-amz-content-sha256') ?? 'UNSIGNED-PAYLOAD'
  const known = PAYLOADS.get(text)
  if (known !== undefined) return known
  if (/^[0-9a-f]{64}$/i.test(text)) return { kind: 'plain', sha256: text.toLowerCase() }
  throw new S3Fault(
    'InvalidRequest',
    'x-amz-content-sha256 must be UNSIGNED-PAYLOAD, a hex SHA-256, or STREAMING- with AWS4-HMAC-SHA256.',
  )
}

function checkSha256(sha256: Uint8Array | null, payload: Payload): void {
  if (sha256 === null || payload.kind !== 'plain') return
  const computed = asBuffer(sha256).toString('hex')
  if (computed === payload.sha256) return
  throw new S3Fault('XAmzContentSHA256Mismatch', undefined, {
    ClientComputedContentSHA256: payload.sha256 ?? '',
    S3ComputedContentSHA256: computed,
  })
}

function readContentMd5(call: Call): Buffer | null {
  const text = header(call, 'content-md5')
  if (text === undefined) return null
  const bytes = Buffer.from(text, 'base64')
  if (bytes.length !== 16) throw new S3Fault('InvalidDigest')
  return bytes
}

function readSentChecksum(call: Call): SentChecksum | null {
  let sent: SentChecksum | null = null
  for (const [name, value] of call.request.headers) {
    const algorithm = algorithmOfHeader(name)
    if (algorithm === undefined) continue
    if (sent !== null) throw new S3Fault('InvalidRequest', 'Expecting a single x-amz-checksum- header.')
    if (!isChecksum(algorithm, value))
      throw new S3Fault('InvalidRequest', `Value for ${name} header is invalid.`)
    sent = { algorithm, value }
  }
  return sent
}

function readTrailerNames(call: Call): string[] {
  const names = (header(call, 'x-amz-trailer') ?? '').split(',').map((name) => name.trim().toLowerCase())
  return names.filter((name) => name !== '')
}

function chunkDecoder(call: Call, signed: boolean, trailers: readonly string[]): ChunkDecoder {
  const text = header(call, 'x-amz-decoded-content-length')
  if (text !== undefined && !/^\d{1,15}$/.test(text)) {
    throw new S3Fault('InvalidRequest', 'x-amz-decoded-content-length must be a number.')
  }
  const claim = call.signed?.claim
  const key = call.signed?.key() ?? null
  if (signed && (key === null || claim === undefined))
    throw new S3Fault('InvalidRequest', 'Signed chunks need a signature.')
  const chain =
    signed && key !== null && claim !== undefined
      ? createChunkChain(key, claim.timestamp, scopeText(claim.scope), claim.signature)
      : null
  return createChunkDecoder({ chain, trailers, length: text === undefined ? null : Number(text) })
}
