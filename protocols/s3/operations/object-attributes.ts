import { answerXml, bucketPath, type Call, header, type Operation } from '../call.ts'
import { checksumElement } from '../checksums.ts'
import { S3Fault } from '../errors.ts'
import { placeOfKey } from '../keys.ts'
import { countOf } from '../listing.ts'
import { element, group, xmlDocument } from '../markup.ts'
import { type Described, etagOf, statObject, storedChecksum, storedChecksumXml } from '../objects.ts'

const MOST_PARTS = 1_000

/** GET object?attributes: those that `x-amz-object-attributes` names. */
export const getObjectAttributes: Operation = async (call) => {
  const described = await statObject(call.session.files, placeOfKey(bucketPath(call), call.request.key))
  const { entry, metadata } = described
  const asked = (header(call, 'x-amz-object-attributes') ?? '').split(',').map((name) => name.trim())
  if (asked.every((name) => name === '')) {
    throw new S3Fault('InvalidArgument', 'x-amz-object-attributes must name at least one attribute.')
  }
  const checksum = storedChecksumXml(metadata)
  const known = new Map([
    ['ETag', element('ETag', etagOf(described))],
    ['Checksum', checksum === '' ? '' : group('Checksum', checksum)],
    ['ObjectParts', partsXml(call, described)],
    ['StorageClass', element('StorageClass', 'STANDARD')],
    ['ObjectSize', element('ObjectSize', entry.size)],
  ])
  const inner = [...known].filter(([name]) => asked.includes(name)).map(([, xml]) => xml)
  answerXml(call, xmlDocument('GetObjectAttributesResponse', inner.join('')), {
    'Last-Modified': new Date(entry.modified).toUTCString(),
  })
}

/** One page of the parts; empty for an object that was put whole. Fault InvalidArgument. */
function partsXml(call: Call, { metadata }: Described): string {
  const most = countOf('x-amz-max-parts', header(call, 'x-amz-max-parts'), MOST_PARTS)
  const after = countOf('x-amz-part-number-marker', header(call, 'x-amz-part-number-marker') ?? '0', 10_000)
  const sizes = metadata?.parts ?? []
  if (sizes.length === 0) return ''
  const stored = storedChecksum(metadata)
  const page = sizes.slice(after, after + most).map((size, index) => {
    const number = after + index + 1
    const sum = metadata?.partChecksums?.[number - 1]
    const checksum =
      sum === undefined || stored === null ? '' : element(checksumElement(stored.algorithm), sum)
    return group('Part', element('PartNumber', number) + element('Size', size) + checksum)
  })
  const last = after + page.length
  const truncated = last < sizes.length && page.length > 0
  return group(
    'ObjectParts',
    element('PartsCount', sizes.length) +
      element('PartNumberMarker', after) +
      element('NextPartNumberMarker', page.length === 0 ? 0 : last) +
      element('MaxParts', most) +
      element('IsTruncated', truncated) +
      page.join(''),
  )
}
