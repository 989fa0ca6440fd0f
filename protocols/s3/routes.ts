import type { Operation } from './call.ts'
import { S3Fault } from './errors.ts'
import { getAcl, putAcl } from './operations/acl.ts'
import { BUCKET_SETTINGS } from './operations/bucket-settings.ts'
import {
  createBucket,
  deleteBucket,
  getBucketLocation,
  headBucket,
  listBuckets,
} from './operations/buckets.ts'
import { completeMultipartUpload } from './operations/complete-multipart.ts'
import { copyObject } from './operations/copy-object.ts'
import { deleteObject, deleteObjects } from './operations/delete-objects.ts'
import { getObject, headObject } from './operations/get-object.ts'
import { listObjects, listObjectVersions } from './operations/list-objects.ts'
import { listMultipartUploads } from './operations/list-uploads.ts'
import { abortMultipartUpload, createMultipartUpload, listParts } from './operations/multipart.ts'
import { getObjectAttributes } from './operations/object-attributes.ts'
import { putObject } from './operations/put-object.ts'
import {
  deleteBucketTagging,
  deleteObjectTagging,
  getBucketTagging,
  getObjectTagging,
  putBucketTagging,
  putObjectTagging,
} from './operations/tagging.ts'
import { uploadPart, uploadPartCopy } from './operations/upload-part.ts'
import type { S3Request } from './request.ts'

/** `METHOD level`, or `METHOD level?subresource`. */
const ROUTES: ReadonlyMap<string, Operation> = new Map<string, Operation>([
  ['GET service', listBuckets],
  ['GET bucket', listObjects],
  ['GET bucket?versions', listObjectVersions],
  ['GET bucket?location', getBucketLocation],
  ['GET bucket?uploads', listMultipartUploads],
  ['GET bucket?acl', getAcl],
  ['PUT bucket?acl', putAcl],
  ['PUT bucket', createBucket],
  ['HEAD bucket', headBucket],
  ['DELETE bucket', deleteBucket],
  ['POST bucket?delete', deleteObjects],
  ['GET object', getObject],
  ['HEAD object', headObject],
  ['PUT object', putObject],
  ['PUT object copy', copyObject],
  ['DELETE object', deleteObject],
  ['POST object?uploads', createMultipartUpload],
  ['PUT object?uploadId', uploadPart],
  ['PUT object?uploadId copy', uploadPartCopy],
  ['GET object?uploadId', listParts],
  ['POST object?uploadId', completeMultipartUpload],
  ['DELETE object?uploadId', abortMultipartUpload],
  ['GET object?attributes', getObjectAttributes],
  ['GET object?tagging', getObjectTagging],
  ['PUT object?tagging', putObjectTagging],
  ['DELETE object?tagging', deleteObjectTagging],
  ['GET bucket?tagging', getBucketTagging],
  ['PUT bucket?tagging', putBucketTagging],
  ['DELETE bucket?tagging', deleteBucketTagging],
  ['GET object?acl', getAcl],
  ['PUT object?acl', putAcl],
  ...[...BUCKET_SETTINGS].map(([name, operation]) => [`GET bucket?${name}`, operation] as const),
])

/** Query names that choose another operation; all others are parameters. */
const SUBRESOURCES: ReadonlySet<string> = new Set([
  ...[...ROUTES.keys()].flatMap((route) => /\?([A-Za-z-]+)/.exec(route)?.[1] ?? []),
  ...['analytics', 'intelligent-tiering', 'inventory', 'metrics', 'metadataTable', 'session'],
  ...['legal-hold', 'retention', 'restore', 'select', 'torrent', 'append', 'renameObject'],
])

/** The operation that a request asks for. Faults NotImplemented, MethodNotAllowed, NoSuchVersion. */
export function operationOf(request: S3Request): Operation {
  const { method, params, headers, bucket, key } = request
  const level = bucket === '' ? 'service' : key === '' ? 'bucket' : 'object'
  const subresource = [...params.keys()].find((name) => SUBRESOURCES.has(name))
  const copy = method === 'PUT' && level === 'object' && headers.has('x-amz-copy-source') ? ' copy' : ''
  const route = `${method} ${level}${subresource === undefined ? '' : `?${subresource}`}${copy}`
  const version = params.get('versionId') ?? ''
  if (version !== '' && version !== 'null') throw new S3Fault('NoSuchVersion')
  const operation = ROUTES.get(route)
  if (operation !== undefined) return operation
  if (subresource === undefined && method !== 'POST') throw new S3Fault('MethodNotAllowed')
  throw new S3Fault('NotImplemented')
}
