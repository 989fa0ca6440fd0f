import { answerXml, type Operation, param } from '../call.ts'
import { S3Fault } from '../errors.ts'
import {
  contentsXml,
  type ListRequest,
  lastOf,
  listPage,
  readListRequest,
  readMarker,
  readToken,
  tokenOf,
} from '../listing.ts'
import { element, xmlDocument } from '../markup.ts'

/** GET bucket: version 2 with `list-type=2`, otherwise version 1. */
export const listObjects: Operation = (call) => {
  const type = param(call, 'list-type')
  if (type === undefined || type === '1') return listVersion1(call)
  if (type === '2') return listVersion2(call)
  throw new S3Fault('InvalidArgument', 'list-type must be 2 or absent')
}

function commonXml(name: string, request: ListRequest): string {
  const { prefix, delimiter, maxKeys, encode, encodingType } = request
  return (
    element('Name', name) +
    element('Prefix', encode(prefix)) +
    element('MaxKeys', maxKeys) +
    (delimiter === '' ? '' : element('Delimiter', encode(delimiter))) +
    (encodingType === undefined ? '' : element('EncodingType', encodingType))
  )
}

const listVersion1: Operation = async (call) => {
  const request = readListRequest(call)
  const marker = param(call, 'marker') ?? ''
  const page = await listPage(call, request, readMarker(marker, request))
  const contents = { name: 'Contents', owner: true, extra: '' }
  answerXml(
    call,
    xmlDocument(
      'ListBucketResult',
      commonXml(call.request.bucket, request) +
        element('Marker', request.encode(marker)) +
        (page.truncated ? element('NextMarker', request.encode(lastOf(page))) : '') +
        element('IsTruncated', page.truncated) +
        contentsXml(call, request, page, contents),
    ),
  )
}

const listVersion2: Operation = async (call) => {
  const request = readListRequest(call)
  const token = param(call, 'continuation-token')
  const startAfter = param(call, 'start-after') ?? ''
  const from = token === undefined ? { after: startAfter, afterPrefix: null } : readToken(token)
  const page = await listPage(call, request, from)
  const contents = { name: 'Contents', owner: param(call, 'fetch-owner') === 'true', extra: '' }
  answerXml(
    call,
    xmlDocument(
      'ListBucketResult',
      commonXml(call.request.bucket, request) +
        (startAfter === '' ? '' : element('StartAfter', request.encode(startAfter))) +
        (token === undefined ? '' : element('ContinuationToken', token)) +
        (page.truncated ? element('NextContinuationToken', tokenOf(page)) : '') +
        element('KeyCount', page.found.length) +
        element('IsTruncated', page.truncated) +
        contentsXml(call, request, page, contents),
    ),
  )
}

/** GET bucket?versions: nothing is versioned here, so each object has the one version `null`. */
export const listObjectVersions: Operation = async (call) => {
  const request = readListRequest(call)
  const marker = param(call, 'key-marker') ?? ''
  const page = await listPage(call, request, readMarker(marker, request))
  const extra = element('VersionId', 'null') + element('IsLatest', true)
  const next = page.truncated
    ? element('NextKeyMarker', request.encode(lastOf(page))) + element('NextVersionIdMarker', 'null')
    : ''
  answerXml(
    call,
    xmlDocument(
      'ListVersionsResult',
      commonXml(call.request.bucket, request) +
        element('KeyMarker', request.encode(marker)) +
        element('VersionIdMarker', param(call, 'version-id-marker') ?? '') +
        next +
        element('IsTruncated', page.truncated) +
        contentsXml(call, request, page, { name: 'Version', owner: true, extra }),
    ),
  )
}
