import { createHash } from 'node:crypto'
import type { StagedPart, UploadedPart } from '#files/multipart.ts'
import type { OpenFile } from '#files/types.ts'
import { receiveBody } from '#net/receive.ts'
import { answerSlowly } from '../answer-slowly.ts'
import { announcedLength, discardBody, verifiedBody } from '../body.ts'
import { answerEmpty, bucketPath, type Call, header, type Operation, param } from '../call.ts'
import { checksumElement, checksumHeader, createChecksum, parseAlgorithm } from '../checksums.ts'
import { checkCopySource, readCopySource } from '../copy-source.ts'
import { S3Fault } from '../errors.ts'
import { placeOfKey } from '../keys.ts'
import { element, xmlDocument } from '../markup.ts'
import { describe } from '../objects.ts'
import { openObject } from './get-object.ts'

const MOST_PARTS = 10_000
const COPY_BYTES = 512 * 1024

function partNumber(call: Call): number {
  const text = param(call, 'partNumber') ?? ''
  const number = Number(text)
  if (!/^\d{1,5}$/.test(text) || number < 1 || number > MOST_PARTS) {
    throw new S3Fault(
      'InvalidArgument',
      `Part number must be an integer between 1 and ${MOST_PARTS}, inclusive`,
    )
  }
  return number
}

/** PUT object?partNumber&uploadId */
export const uploadPart: Operation = async (call) => {
  const { path } = placeOfKey(bucketPath(call), call.request.key)
  const { uploads } = call.session.files
  const number = partNumber(call)
  const id = param(call, 'uploadId') ?? ''
  const upload = await uploads.get(path, id)
  const body = verifiedBody(call, { also: parseAlgorithm(upload.checksum?.algorithm ?? '') })
  await using part = await uploads.part(path, id, number, announcedLength(call))
  await receiveBody(body, part, { signal: call.session.signal, owned: true })
  const { md5, checksums } = body.digests()
  await part.commit({ etag: md5, checksums })
  answerEmpty(call, 200, { ETag: `"${md5}"`, ...checksums })
}

/** PUT object?partNumber&uploadId with `x-amz-copy-source`: bytes of another object. */
export const uploadPartCopy: Operation = async (call) => {
  const { path } = placeOfKey(bucketPath(call), call.request.key)
  const { files } = call.session
  const number = partNumber(call)
  const id = param(call, 'uploadId') ?? ''
  await discardBody(call)
  const upload = await files.uploads.get(path, id)
  const source = readCopySource(call)
  if (source.folder) throw new S3Fault('InvalidRequest', 'A folder marker has no bytes to copy.')
  await using file = await openObject(call, source.path)
  checkCopySource(call, await describe(files, file.entry))
  const span = copyRange(header(call, 'x-amz-copy-source-range'), file.entry.size)
  await using part = await files.uploads.part(path, id, number, span.end - span.start)
  await answerSlowly(call, async () => {
    const done = await copyBytes(call, file, part, span, upload.checksum?.algorithm ?? '')
    return xmlDocument('CopyPartResult', copyResult(done))
  })
}

function copyResult(part: UploadedPart): string {
  return (
    element('LastModified', new Date(part.modified).toISOString()) +
    element('ETag', `"${part.etag}"`) +
    checksumElements(part.checksums)
  )
}

/** `<ChecksumCRC32>…` of each checksum. */
export function checksumElements(checksums: Readonly<Record<string, string>>): string {
  const parts = Object.entries(checksums).map(([header, value]) => {
    const algorithm = parseAlgorithm(header.slice('x-amz-checksum-'.length))
    return algorithm === undefined ? '' : element(checksumElement(algorithm), value)
  })
  return parts.join('')
}

function copyRange(text: string | undefined, size: number): { start: number; end: number } {
  if (text === undefined) return { start: 0, end: size }
  const [, first = '', last = ''] = /^bytes=(\d{1,15})-(\d{1,15})$/.exec(text) ?? []
  if (first === '' || Number(last) < Number(first)) {
    throw new S3Fault(
      'InvalidArgument',
      'The x-amz-copy-source-range value must be of the form bytes=first-last',
    )
  }
  if (Number(last) >= size)
    throw new S3Fault('InvalidRange', 'The copy range lies beyond the end of the source.')
  return { start: Number(first), end: Number(last) + 1 }
}

async function copyBytes(
  call: Call,
  file: OpenFile,
  part: StagedPart,
  { start, end }: { start: number; end: number },
  algorithmName: string,
): Promise<UploadedPart> {
  const algorithm = parseAlgorithm(algorithmName)
  const md5 = createHash('md5')
  const sum = algorithm === undefined ? null : createChecksum(algorithm)
  const buffer = Buffer.allocUnsafe(Math.max(1, Math.min(COPY_BYTES, end - start)))
  for (let position = start; position < end; ) {
    if (call.signal.aborted) throw call.signal.reason
    const length = await file.read(buffer.subarray(0, Math.min(buffer.length, end - position)), position)
    if (length === 0) throw new Error('file is shorter than its entry says')
    const piece = buffer.subarray(0, length)
    md5.update(piece)
    sum?.update(piece)
    await part.write([piece], position - start)
    position += length
  }
  const checksums =
    sum === null || algorithm === undefined
      ? {}
      : { [checksumHeader(algorithm)]: sum.digest().toString('base64') }
  return part.commit({ etag: md5.digest('hex'), checksums })
}
