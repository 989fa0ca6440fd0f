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
import { allowsType, defaultType, parseAlgorithm, readChecksumType } from '../checksums.ts'
import { S3Fault } from '../errors.ts'
import { givenMetadata } from '../given-metadata.ts'
import { placeOfKey } from '../keys.ts'
import { countParam } from '../listing.ts'
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
  const given = readChecksumType(header(call, 'x-amz-checksum-type'))
  if (name === undefined) {
    if (given === null) return null
    throw new S3Fault('InvalidRequest', 'x-amz-checksum-type needs x-amz-checksum-algorithm.')
  }
  const algorithm = parseAlgorithm(name)
  if (algorithm === undefined)
    throw new S3Fault('InvalidRequest', 'Checksum algorithm provided is unsupported.')
  const type = given ?? defaultType(algorithm)
  if (!allowsType(algorithm, type)) {
    throw new S3Fault('InvalidRequest', `The ${type} checksum type cannot be used with ${algorithm}.`)
  }
  return { algorithm, type }
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
  const after = param(call, 'part-number-marker') ? countParam(call, 'part-number-marker', 10_000) : 0
  const found = most === 0 ? [] : await uploads.parts(path, id, { after, limit: most + 1 })
  const parts = found.slice(0, most)
  const truncated = found.length > most
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
