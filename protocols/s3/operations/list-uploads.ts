import type { MultipartUpload, UploadsPage } from '#files/multipart.ts'
import { answerXml, type Call, existingBucket, type Operation, param } from '../call.ts'
import { type ListRequest, readListRequest } from '../listing.ts'
import { element, group, xmlDocument } from '../markup.ts'
import { ownerXml } from '../objects.ts'

/** An upload, or the common prefix of several (`upload` is null). */
type UploadItem = { readonly key: string; readonly upload: MultipartUpload | null }

type Place = NonNullable<UploadsPage['after']>

/** Behind every key that begins with the text before it. */
const LAST = '\u{10ffff}'

/** GET bucket?uploads */
export const listMultipartUploads: Operation = async (call) => {
  const request = readListRequest(call, 'max-uploads')
  const { prefix, delimiter, maxKeys, encode, encodingType } = request
  const keyMarker = param(call, 'key-marker') ?? ''
  const idMarker = keyMarker === '' ? '' : (param(call, 'upload-id-marker') ?? '')
  const found = await uploadItems(call, request, keyMarker, idMarker)
  const page = found.slice(0, maxKeys)
  const last = page.at(-1)
  const truncated = found.length > maxKeys && last !== undefined
  answerXml(
    call,
    xmlDocument(
      'ListMultipartUploadsResult',
      element('Bucket', call.request.bucket) +
        element('KeyMarker', encode(keyMarker)) +
        element('UploadIdMarker', idMarker) +
        (truncated
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

/** The items behind the markers, one more than is asked for where there are more. */
async function uploadItems(
  call: Call,
  { prefix, delimiter, maxKeys }: ListRequest,
  keyMarker: string,
  idMarker: string,
): Promise<UploadItem[]> {
  const bucket = await existingBucket(call)
  const items: UploadItem[] = []
  if (maxKeys === 0) return items
  const limit = maxKeys + 1
  let after = placeBehind(bucket, { prefix, delimiter }, keyMarker, idMarker)
  while (items.length < limit) {
    const uploads = await call.session.files.uploads.list(bucket, {
      prefix,
      limit,
      ...(after === null ? {} : { after }),
    })
    for (const upload of uploads) {
      const key = upload.path.slice(bucket.length + 1)
      const rolled = commonPrefix(key, prefix, delimiter)
      after = rolled === null ? upload : { path: `${bucket}/${rolled}${LAST}` }
      if (rolled === null) items.push({ key, upload })
      else if (items.at(-1)?.key !== rolled) items.push({ key: rolled, upload: null })
    }
    if (uploads.length < limit) break
  }
  return items.slice(0, limit)
}

function placeBehind(
  bucket: string,
  { prefix, delimiter }: Pick<ListRequest, 'prefix' | 'delimiter'>,
  keyMarker: string,
  idMarker: string,
): Place | null {
  if (keyMarker === '') return null
  // A marker that is the common prefix of an earlier page stands for all that lies in it.
  const rolled = idMarker === '' && commonPrefix(keyMarker, prefix, delimiter) === keyMarker
  const path = `${bucket}/${keyMarker}${rolled ? LAST : ''}`
  return idMarker === '' ? { path } : { path, id: idMarker }
}

/** The key up to and with the first delimiter behind the prefix; null when there is none. */
function commonPrefix(key: string, prefix: string, delimiter: string): string | null {
  const at = delimiter === '' || !key.startsWith(prefix) ? -1 : key.indexOf(delimiter, prefix.length)
  return at < 0 ? null : key.slice(0, at + delimiter.length)
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
      element('Initiated', new Date(upload.startedAt).toISOString()) +
      (upload.checksum === null
        ? ''
        : element('ChecksumAlgorithm', upload.checksum.algorithm) +
          element('ChecksumType', upload.checksum.type)),
  )
}
