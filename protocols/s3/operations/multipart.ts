import type { MultipartUpload } from '#files/multipart.ts'
import { discardBody } from '../body.ts'
import {
  answerEmpty,
  answerXml,
  bucketPath,
  type Call,
  existingBucket,
  header,
  type Operation,
  param,
} from '../call.ts'
import { allowsType, type ChecksumType, defaultType, parseAlgorithm } from '../checksums.ts'
import { S3Fault } from '../errors.ts'
import { givenMetadata } from '../given-metadata.ts'
import { compareKeys, placeOfKey } from '../keys.ts'
import { countParam, readListRequest } from '../listing.ts'
import { element, group, xmlDocument } from '../markup.ts'
import { ownerXml } from '../objects.ts'
import { checksumElements } from './upload-part.ts'

/** POST object?uploads */
export const createMultipartUpload: Operation = async (call) => {
  const place = placeOfKey(bucketPath(call), call.request.key)
  if (place.folder) throw new S3Fault('InvalidArgument', 'A folder marker cannot be uploaded in parts.')
  const metadata = givenMetadata(call)
  const checksum = readChecksum(call)
  await discardBody(call)
  await existingBucket(call)
  const upload = await call.session.files.uploads.start(place.path, { metadata, checksum })
  answerXml(
    call,
    xmlDocument(
      'InitiateMultipartUploadResult',
      element('Bucket', call.request.bucket) +
        element('Key', call.request.key) +
        element('UploadId', upload.id),
    ),
    checksum === null
      ? {}
      : { 'x-amz-checksum-algorithm': checksum.algorithm, 'x-amz-checksum-type': checksum.type },
  )
}

function readChecksum(call: Call): MultipartUpload['checksum'] {
  const name = header(call, 'x-amz-checksum-algorithm')
  if (name === undefined) return null
  const algorithm = parseAlgorithm(name)
  if (algorithm === undefined)
    throw new S3Fault('InvalidRequest', 'Checksum algorithm provided is unsupported.')
  const type = readChecksumType(header(call, 'x-amz-checksum-type')) ?? defaultType(algorithm)
  if (!allowsType(algorithm, type)) {
    throw new S3Fault('InvalidRequest', `The ${type} checksum type cannot be used with ${algorithm}.`)
  }
  return { algorithm, type }
}

function readChecksumType(text: string | undefined): ChecksumType | null {
  if (text === undefined) return null
  const type = text.toUpperCase()
  if (type === 'COMPOSITE' || type === 'FULL_OBJECT') return type
  throw new S3Fault('InvalidRequest', 'x-amz-checksum-type must be COMPOSITE or FULL_OBJECT.')
}

/** DELETE object?uploadId */
export const abortMultipartUpload: Operation = async (call) => {
  const { path } = placeOfKey(bucketPath(call), call.request.key)
  await call.session.files.uploads.abort(path, param(call, 'uploadId') ?? '')
  answerEmpty(call, 204)
}

/** GET object?uploadId */
export const listParts: Operation = async (call) => {
  const { path } = placeOfKey(bucketPath(call), call.request.key)
  const { uploads } = call.session.files
  const id = param(call, 'uploadId') ?? ''
  const upload = await uploads.get(path, id)
  const most = countParam(call, 'max-parts', 1_000)
  const marker = countParam(call, 'part-number-marker', 10_000)
  const after = param(call, 'part-number-marker') === undefined ? 0 : marker
  const all = (await uploads.parts(path, id)).filter(({ number }) => number > after)
  const parts = all.sort((a, b) => a.number - b.number).slice(0, most)
  const truncated = most > 0 && all.length > parts.length
  const partXml = parts.map((part) =>
    group(
      'Part',
      element('PartNumber', part.number) +
        element('LastModified', new Date(part.modified).toISOString()) +
        element('ETag', `"${part.etag}"`) +
        element('Size', part.size) +
        checksumElements(part.checksums),
    ),
  )
  const { checksum } = upload
  answerXml(
    call,
    xmlDocument(
      'ListPartsResult',
      element('Bucket', call.request.bucket) +
        element('Key', call.request.key) +
        element('UploadId', id) +
        group('Initiator', ownerXml(call)) +
        group('Owner', ownerXml(call)) +
        element('StorageClass', 'STANDARD') +
        element('PartNumberMarker', after) +
        element('NextPartNumberMarker', truncated ? (parts.at(-1)?.number ?? 0) : 0) +
        element('MaxParts', most) +
        element('IsTruncated', truncated) +
        (checksum === null
          ? ''
          : element('ChecksumAlgorithm', checksum.algorithm) + element('ChecksumType', checksum.type)) +
        partXml.join(''),
    ),
  )
}

/** GET bucket?uploads */
export const listMultipartUploads: Operation = async (call) => {
  const request = readListRequest(call, 'max-uploads')
  const { prefix, delimiter, maxKeys, encode, encodingType } = request
  const bucket = await existingBucket(call)
  const keyMarker = param(call, 'key-marker') ?? ''
  const idMarker = param(call, 'upload-id-marker') ?? ''
  const all = await call.session.files.uploads.list(bucket)
  const items = uploadItems(all, bucket.length + 1, prefix, delimiter)
  const from = keyMarker === '' ? 0 : firstBehind(items, keyMarker, idMarker)
  const page = items.slice(from, from + maxKeys)
  const last = page.at(-1)
  const truncated = maxKeys > 0 && from + page.length < items.length
  answerXml(
    call,
    xmlDocument(
      'ListMultipartUploadsResult',
      element('Bucket', call.request.bucket) +
        element('KeyMarker', encode(keyMarker)) +
        element('UploadIdMarker', idMarker) +
        (truncated && last !== undefined
          ? element('NextKeyMarker', encode(last.key)) + element('NextUploadIdMarker', last.upload?.id ?? '')
          : '') +
        element('Prefix', encode(prefix)) +
        (delimiter === '' ? '' : element('Delimiter', encode(delimiter))) +
        (encodingType === undefined ? '' : element('EncodingType', encodingType)) +
        element('MaxUploads', maxKeys) +
        element('IsTruncated', truncated) +
        page.map((item) => uploadXml(call, item, encode)).join(''),
    ),
  )
}

/** An upload, or the common prefix of several (`upload` is null). */
type UploadItem = { readonly key: string; readonly upload: MultipartUpload | null }

function uploadItems(
  uploads: readonly MultipartUpload[],
  cut: number,
  prefix: string,
  delimiter: string,
): UploadItem[] {
  const items: UploadItem[] = []
  for (const upload of uploads) {
    const key = upload.path.slice(cut)
    if (!key.startsWith(prefix)) continue
    const at = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length)
    if (at < 0) items.push({ key, upload })
    else {
      const rolled = key.slice(0, at + delimiter.length)
      if (items.at(-1)?.key !== rolled) items.push({ key: rolled, upload: null })
    }
  }
  return items
}

function firstBehind(items: readonly UploadItem[], keyMarker: string, idMarker: string): number {
  const same = items.findIndex(({ key, upload }) => key === keyMarker && upload?.id === idMarker)
  if (same >= 0) return same + 1
  const behind = items.findIndex(({ key }) => compareKeys(key, keyMarker) > 0)
  return behind < 0 ? items.length : behind
}

function uploadXml(call: Call, { key, upload }: UploadItem, encode: (text: string) => string): string {
  if (upload === null) return group('CommonPrefixes', element('Prefix', encode(key)))
  return group(
    'Upload',
    element('Key', encode(key)) +
      element('UploadId', upload.id) +
      group('Initiator', ownerXml(call)) +
      group('Owner', ownerXml(call)) +
      element('StorageClass', 'STANDARD') +
      element('Initiated', new Date(upload.startedAt).toISOString()),
  )
}
