import type { Metadata } from '#files/metadata.ts'
import type { MultipartUpload, UploadedPart } from '#files/multipart.ts'
import type { XmlElement } from '#net/xml.ts'
import { parentOf } from '#permissions/path.ts'
import { answerSlowly } from '../answer-slowly.ts'
import { xmlBody } from '../body.ts'
import { bucketPath, type Call, header, isFault, type Operation, originOf, param } from '../call.ts'
import {
  type Algorithm,
  checksumElement,
  checksumHeader,
  combineChecksums,
  multipartEtag,
  parseAlgorithm,
  readChecksumType,
} from '../checksums.ts'
import { S3Fault } from '../errors.ts'
import { type KeyPlace, placeOfKey } from '../keys.ts'
import { childrenNamed, childText, element, xmlDocument } from '../markup.ts'
import { etagOf, findObject, storedChecksumXml } from '../objects.ts'
import { underConditions, writeConditions } from '../write-conditions.ts'
import { makeParents, withParents } from './put-object.ts'

const MOST_PARTS = 10_000
const LEAST_PART_BYTES = 5 * 1024 * 1024
const XML_LIMITS = { maxBytes: 8 * 1024 * 1024, maxNodes: MOST_PARTS * 16, ignoreHeader: true }

type NamedPart = {
  readonly number: number
  readonly etag: string
  readonly checksums: Readonly<Record<string, string>>
}
type Completed = Pick<Metadata, 'etag' | 'checksums'>

/** POST object?uploadId: joins the parts. Asked again after it succeeded, it answers the same. */
export const completeMultipartUpload: Operation = async (call) => {
  const place = placeOfKey(bucketPath(call), call.request.key)
  const named = readParts(await xmlBody(call, XML_LIMITS))
  await answerSlowly(call, async () => {
    const done = await complete(call, place, named)
    return xmlDocument(
      'CompleteMultipartUploadResult',
      element('Location', `${originOf(call)}${call.request.rawPath}`) +
        element('Bucket', call.request.bucket) +
        element('Key', call.request.key) +
        element('ETag', `"${done.etag}"`) +
        storedChecksumXml(done),
    )
  })
}

async function complete(call: Call, place: KeyPlace, named: readonly NamedPart[]): Promise<Completed> {
  const { files } = call.session
  const id = param(call, 'uploadId') ?? ''
  let upload: MultipartUpload
  try {
    upload = await files.uploads.get(place.path, id)
  } catch (error) {
    if (!isFault(error, 'not_found')) throw error
    return completedBefore(call, place, named)
  }
  const parts = matchParts(named, await files.uploads.parts(place.path, id))
  checkSize(call, parts)
  const etag = multipartEtag(parts.map((part) => part.etag))
  const sums = checksumsOf(call, upload, parts)
  const metadata = { ...upload.metadata, etag, ...sums, parts: parts.map(({ size }) => size) }
  const conditions = await writeConditions(call, place)
  const numbers = parts.map(({ number }) => number)
  const join = async () => {
    const parent = await files.stat(parentOf(place.path)).catch(() => null)
    if (parent === null) await makeParents(call, place.path)
    await files.uploads.complete(place.path, id, numbers, metadata, conditions)
  }
  await withParents(call, place.path, () => underConditions(call, join))
  return { etag, checksums: sums.checksums }
}

/** The client did not hear the first answer: the object shows that it was completed with these parts. */
async function completedBefore(call: Call, place: KeyPlace, named: readonly NamedPart[]): Promise<Completed> {
  const found = await findObject(call.session.files, place)
  const etag = named.every((part) => /^[0-9a-f]{32}$/.test(part.etag))
    ? multipartEtag(named.map((part) => part.etag))
    : ''
  if (found === null || etagOf(found) !== etag) throw new S3Fault('NoSuchUpload')
  return { etag, checksums: found.metadata?.checksums ?? {} }
}

function readParts(root: XmlElement | null): NamedPart[] {
  if (root === null || root.local !== 'CompleteMultipartUpload') throw new S3Fault('MalformedXML')
  const parts = childrenNamed(root, 'Part').map((part) => {
    const number = childText(part, 'PartNumber')?.trim() ?? ''
    const etag = (childText(part, 'ETag') ?? '').trim().replace(/^"(.*)"$/, '$1')
    if (!/^\d{1,5}$/.test(number) || etag === '') throw new S3Fault('MalformedXML')
    return { number: Number(number), etag, checksums: partChecksums(part) }
  })
  if (parts.length === 0 || parts.length > MOST_PARTS) throw new S3Fault('MalformedXML')
  parts.forEach((part, index) => {
    if (part.number <= (parts[index - 1]?.number ?? 0)) throw new S3Fault('InvalidPartOrder')
  })
  return parts
}

function partChecksums(part: XmlElement): Record<string, string> {
  const checksums: Record<string, string> = {}
  for (const { local } of part.nodes.filter((node) => typeof node !== 'string')) {
    const algorithm = local.startsWith('Checksum')
      ? parseAlgorithm(local.slice('Checksum'.length))
      : undefined
    if (algorithm !== undefined)
      checksums[checksumHeader(algorithm)] = childText(part, checksumElement(algorithm)) ?? ''
  }
  return checksums
}

/** The uploaded parts that were named. An echo of their checksums is checked, and may be missing. */
function matchParts(named: readonly NamedPart[], uploaded: readonly UploadedPart[]): UploadedPart[] {
  const byNumber = new Map(uploaded.map((part) => [part.number, part]))
  return named.map(({ number, etag, checksums }, index) => {
    const part = byNumber.get(number)
    if (part === undefined || part.etag !== etag)
      throw new S3Fault('InvalidPart', undefined, { PartNumber: String(number) })
    for (const [name, value] of Object.entries(checksums)) {
      const held = part.checksums[name]
      if (held !== undefined && held !== value.trim())
        throw new S3Fault('InvalidPart', undefined, { PartNumber: String(number) })
    }
    if (index < named.length - 1 && part.size < LEAST_PART_BYTES) throw new S3Fault('EntityTooSmall')
    return part
  })
}

/** The client says how long the object is to be. Fault InvalidRequest. */
function checkSize(call: Call, parts: readonly UploadedPart[]): void {
  const expected = header(call, 'x-amz-mp-object-size')
  if (expected === undefined) return
  const size = parts.reduce((sum, part) => sum + part.size, 0)
  if (!/^\d{1,15}$/.test(expected) || Number(expected) !== size)
    throw new S3Fault('InvalidRequest', `x-amz-mp-object-size is not the size of the parts: ${size}`)
}

type ObjectChecksums = Pick<Metadata, 'checksums' | 'partChecksums'>

/** The checksum of the object and those of its parts. Faults BadDigest, InvalidRequest. */
function checksumsOf(call: Call, upload: MultipartUpload, parts: readonly UploadedPart[]): ObjectChecksums {
  const algorithm: Algorithm | undefined = parseAlgorithm(upload.checksum?.algorithm ?? '')
  if (algorithm === undefined || upload.checksum === null) return { checksums: {} }
  const { type } = upload.checksum
  if ((readChecksumType(header(call, 'x-amz-checksum-type')) ?? type) !== type)
    throw new S3Fault('InvalidRequest', `The upload was started with the checksum type ${type}.`)
  const name = checksumHeader(algorithm)
  const partChecksums = parts.map((part) => part.checksums[name] ?? '')
  if (partChecksums.includes('')) return { checksums: {} }
  const sums = parts.map(({ size }, index) => ({ checksum: partChecksums[index] ?? '', size }))
  const value = combineChecksums(algorithm, type, sums)
  const given = header(call, name)
  if (given !== undefined && given !== value && `${given}-${parts.length}` !== value)
    throw new S3Fault('BadDigest')
  return { checksums: { [name]: value }, partChecksums }
}
